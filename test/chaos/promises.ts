import { toMiB } from '../fixtures/process-usage.ts';
import type { Asked } from './load.ts';
import type { Observation } from './run-scenario.ts';

const CIRCUITS = 3;

/**
 * For each circuit one attempt when the fault begins, one when it ends, and three more while the pauses after those that fail are short.
 * Then the pause is one second where Tor itself is away, less up to a half by jitter, and longer elsewhere. A storm, an attempt for each
 * query, would be twenty a second.
 */
const CONNECTS_AROUND_A_FAULT = 5 * CIRCUITS;
const CONNECTS_PER_SECOND = 2;

/** A circuit of ten seconds, give or take a fifth, ends after eight at the soonest; at most as often again because it was slow or failed. */
const CONNECTS_PER_SECOND_OF_ROTATION = (2 * CIRCUITS) / 8;

/** Some hundred queries that wait, and connections with their TLS buffers; what V8 lets lie about is most of it. */
const MOST_GROWTH_BYTES = 96 * 2 ** 20;

/** One for each circuit, its successor and the one that is drained; twice as many, for sockets that are being opened and closed. */
const MOST_MORE_DESCRIPTORS = 2 * 3 * CIRCUITS;

/** What dns4tor promises whatever breaks, and did not keep; each in a sentence. Durations are no promises. */
export function brokenPromises(seen: Observation): string[] {
  const { scenario, before, asked, connects, usage, recovered, harm } = seen;
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

function mostConnects({ scenario, asked, beganAtMs }: Observation): number {
  const seconds = ((asked.at(-1)?.sentAtMs ?? beganAtMs) - beganAtMs) / 1000;
  const perSecond = scenario.lasts === 'rotateMs' ? CONNECTS_PER_SECOND_OF_ROTATION : CONNECTS_PER_SECOND;
  return CONNECTS_AROUND_A_FAULT + Math.ceil(perSecond * seconds);
}
