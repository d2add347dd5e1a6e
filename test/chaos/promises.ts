import { QUERIES_PER_CANDIDATE } from '../../src/upstream/pool/connection-set.ts';
import { toMiB } from '../fixtures/process-usage.ts';
import type { Asked } from './load.ts';
import type { Observation } from './run-scenario.ts';
import { serviceSinceMs } from './service.ts';

const CIRCUITS = 3;

/** For each circuit one attempt when the fault begins, one when it ends, and one for a connection that ends later than the others. */
const CONNECTS_AROUND_A_FAULT = 3 * CIRCUITS;

/** Candidates beyond the circuits kept: opened together when every circuit is gone, and one by one while queries are sent. */
const SPARE_CANDIDATES = 7;
const SINGLE_CANDIDATE_PAUSE_MS = 10_000;

/** Between them there is one probe at a time, after pauses that double, each less up to a half by jitter. */
const FIRST_PAUSE_MS = 250 / 2;
const LONGEST_PAUSE_MS = { client: 1000 / 2, beyond: 30_000 / 2 } as const;

/** A circuit of ten seconds, give or take a fifth, ends after eight at the soonest; at most as often again because it was slow or failed. */
const CONNECTS_PER_SECOND_OF_ROTATION = (2 * CIRCUITS) / 8;

/** Silence is noticed after seven seconds, an attempt that takes long after ten: from then on an outage is known. */
const KNOWN_AFTER_MS = 12_000;
/** In a known outage a query is refused at once. This much is for a machine that is busy with something else. */
const AT_ONCE_MS = 1000;

/** Once the resolver can be reached, the next probe finds it: after the longest pause, or a slow attempt, and the way of a query. */
const NEXT_PROBE_MS = 30_000 + 10_000 + 5000;

/** Some hundred queries that wait, and connections with their TLS buffers; what V8 lets lie about is most of it. */
const MOST_GROWTH_BYTES = 96 * 2 ** 20;

/** One for each circuit, its successor and the one that is drained; twice as many, for sockets that are being opened and closed. */
const MOST_MORE_DESCRIPTORS = 2 * 3 * CIRCUITS;

/** What dns4tor promises whatever breaks, and did not keep; each in a sentence. Of durations only those that its own timers bound. */
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
  expect(
    !scenario.losesNothing || failed.length === 0,
    `${failed.length} queries failed that could have been answered`,
  );
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

/** Failures of names that had been answered before: with an answer in the cache, expired or not, there is none. */
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

/** As many as there are when each fails at once. */
function mostProbes(durationMs: number, longestPauseMs: number): number {
  let probes = 0;
  let pauseMs = FIRST_PAUSE_MS;
  for (let atMs = 0; atMs < durationMs; atMs += pauseMs) {
    if (probes++ > 0) pauseMs = Math.min(longestPauseMs, 2 * pauseMs);
  }
  return probes;
}
