import { QUERIES_PER_CANDIDATE } from '../../src/upstream/pool/connection-set.ts';
import { toMiB } from '../fixtures/process/process-usage.ts';
import type { Asked } from './load.ts';
import type { Observation } from './run-scenario.ts';
import { serviceSinceMs } from './service.ts';

const CIRCUITS = 3;

/** Per circuit: one attempt when the fault starts, one when it ends, one for a connection that ends later. */
const CONNECTS_AROUND_A_FAULT = 3 * CIRCUITS;

/**
 * Candidates beyond the circuits kept: opened together when every circuit is gone, and one by one while queries are
 * sent.
 */
const SPARE_CANDIDATES = 7;
const SINGLE_CANDIDATE_PAUSE_MS = 10_000;

/** Between them, one probe at a time, after pauses that double; jitter shortens each by up to a half. */
const FIRST_PAUSE_MS = 250 / 2;
const LONGEST_PAUSE_MS = { client: 1000 / 2, beyond: 30_000 / 2 } as const;

/**
 * A lifetime of 10 s ± 20 % ends after 8 s at the earliest. At most as many circuits are replaced for being slow or
 * failing.
 */
const CONNECTS_PER_SECOND_OF_ROTATION = (2 * CIRCUITS) / 8;

/** Silence is noticed after 7 s, a slow attempt after 10 s. From then on, dns4tor knows of the outage. */
const KNOWN_AFTER_MS = 12_000;
/** In a known outage, queries fail at once. This margin is for a busy machine. */
const AT_ONCE_MS = 1000;

/** After the resolver is reachable, the next probe finds it: the longest pause, a slow attempt, and a query. */
const NEXT_PROBE_MS = 30_000 + 10_000 + 5000;

/**
 * For a hundred waiting queries, and connections with their TLS buffers. Most of it is garbage that V8 has not
 * collected.
 */
const MOST_GROWTH_BYTES = 96 * 2 ** 20;

/** For each circuit, its successor and a draining one; twice that, for sockets that are opening or closing. */
const MOST_MORE_DESCRIPTORS = 2 * 3 * CIRCUITS;

/** The promises that were broken, each as a sentence. Checks only durations that dns4tor's own timers bound. */
export function brokenPromises(seen: Observation): string[] {
  const { scenario, before, asked, reachableAtMs, connects, usage, recovered, harm } = seen;
  const broken: string[] = [];
  const expect = (kept: boolean, sentence: string): void => {
    if (!kept) broken.push(`${scenario.name}: ${sentence}`);
  };
  const unanswered = [...before, ...asked].filter(({ end }) => end?.outcome === 'unanswered');
  expect(unanswered.length === 0, `${unanswered.length} queries got no reply by the deadline`);
  expect(recovered, 'full service did not come back by itself');
  const lost = lostThoughKnown([...before, ...asked]);
  expect(lost.length === 0, `${lost.length} queries failed though the cache had had the answer`);
  const failed = asked.filter(({ end }) => end?.outcome === 'failed');
  expect(!scenario.losesNothing || failed.length === 0, `${failed.length} answerable queries failed`);
  const waited = failed.filter((query) => isMadeToWait(query, seen));
  expect(waited.length === 0, `${waited.length} queries waited for their failure in an outage that was known`);
  const answersAtMs = serviceSinceMs(asked.filter(({ kind }) => kind === 'new'));
  const lateMs = answersAtMs === undefined || reachableAtMs === undefined ? 0 : answersAtMs - reachableAtMs;
  expect(lateMs <= NEXT_PROBE_MS, `answers came ${Math.round(lateMs / 1000)} s after the resolver could be reached`);
  const attempts = connects.ok + connects.failed;
  const most = mostConnects(seen);
  expect(attempts <= most, `${attempts} attempts to connect, more than ${most}`);
  const growth = usage.peakBytes - usage.startBytes;
  expect(growth <= MOST_GROWTH_BYTES, `memory grew by ${toMiB(growth)}`);
  const descriptors = usage.peakDescriptors - usage.startDescriptors;
  expect(descriptors <= MOST_MORE_DESCRIPTORS, `${descriptors} more file descriptors`);
  expect(harm === undefined, harm ?? '');
  return broken;
}

/** Failures of names that had been answered before: the cache has an answer for them, stale or not. */
function lostThoughKnown(asked: readonly Asked[]): Asked[] {
  const known = new Set<string>();
  const lost: Asked[] = [];
  const moments = asked.flatMap((query) => [
    { atMs: query.sentAtMs, query, sent: true },
    ...(query.end === undefined ? [] : [{ atMs: query.end.atMs, query, sent: false }]),
  ]);
  for (const { query, sent } of moments.toSorted((a, b) => a.atMs - b.atMs)) {
    if (!sent && query.end?.outcome === 'fresh') known.add(query.name);
    if (sent && known.has(query.name) && query.end?.outcome === 'failed') lost.push(query);
  }
  return lost;
}

function isMadeToWait({ sentAtMs, end }: Asked, { beganAtMs, endedAtMs }: Observation): boolean {
  const isInOutage = sentAtMs > beganAtMs + KNOWN_AFTER_MS && sentAtMs < endedAtMs;
  return isInOutage && end !== undefined && end.atMs - sentAtMs > AT_ONCE_MS;
}

function mostConnects({ scenario, before, asked, beganAtMs }: Observation): number {
  const durationMs = (asked.at(-1)?.sentAtMs ?? beganAtMs) - beganAtMs;
  const candidates = Math.min(
    SPARE_CANDIDATES + Math.ceil(durationMs / SINGLE_CANDIDATE_PAUSE_MS),
    Math.floor((before.length + asked.length) / QUERIES_PER_CANDIDATE),
  );
  const between =
    scenario.lasts === 'rotateMs'
      ? Math.ceil((CONNECTS_PER_SECOND_OF_ROTATION * durationMs) / 1000)
      : mostProbes(durationMs, LONGEST_PAUSE_MS[scenario.cutsOff ?? 'beyond']);
  return CONNECTS_AROUND_A_FAULT + candidates + between;
}

/** The number of probes if each fails at once. */
function mostProbes(durationMs: number, longestPauseMs: number): number {
  let probes = 0;
  let pauseMs = FIRST_PAUSE_MS;
  for (let atMs = 0; atMs < durationMs; atMs += pauseMs) {
    if (probes++ > 0) pauseMs = Math.min(longestPauseMs, 2 * pauseMs);
  }
  return probes;
}
