import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Asked, Outcome } from './load.ts';
import { formatTable, toRow } from './report.ts';
import type { Observation } from './run-scenario.ts';

const MIB = 2 ** 20;

/** Queries every 50 ms from 1000 ms on. */
function asked(...ends: readonly (readonly [Outcome, waitMs: number, reason?: string])[]): Asked[] {
  return ends.map(([outcome, waitMs, reason = ''], i) => {
    const sentAtMs = 1000 + 50 * i;
    const kind = outcome === 'stale' ? 'brief' : 'new';
    return { kind, name: `n${i}`, sentAtMs, end: { outcome, atMs: sentAtMs + waitMs, reason } };
  });
}

const SEEN: Observation = {
  scenario: { name: 'kill-it', losesNothing: false, begin: async () => () => {} },
  before: [],
  asked: asked(
    ['fresh', 10],
    ['failed', 2000, 'deadline'],
    ['failed', 5, 'deadline'],
    ['fresh', 250],
    ['stale', 5],
    ['fresh', 100],
  ),
  beganAtMs: 1000,
  endedAtMs: 1100,
  reachableAtMs: 1150,
  recovered: true,
  connects: { ok: 3, failed: 4 },
  usage: { startBytes: 80 * MIB, peakBytes: 90 * MIB, startDescriptors: 20, peakDescriptors: 25, cpuShare: 0.034 },
  harm: undefined,
  log: '',
};

test('a row has the outcomes of the queries, and when each kind of service was back after the fault', () => {
  const row = toRow(SEEN);
  assert.deepEqual(row.outcomes, { fresh: 3, stale: 1, failed: 2, unanswered: 0 });
  assert.deepEqual(row.failures, { deadline: 2 });
  assert.equal(row.longestWaitMs, 2000);
  assert.equal(row.reachableAfterMs, 50);
  assert.equal(row.answersAfterMs, 1150 + 250 - 1100);
  assert.equal(row.fullServiceAfterMs, 1250 + 100 - 1100);
  assert.deepEqual(row.timeline, [row.outcomes]);
});

test('the table has a line for each scenario', () => {
  assert.equal(
    formatTable([toRow(SEEN)]),
    [
      'scenario  fault  sent  fresh  stale  failed  no reply  longest  Tor after  answers after  full after      connects           peak memory    CPU  failed for',
      'kill-it     0 s     6      3      1       2         0    2.0 s      0.1 s          0.3 s       0.3 s  3 + 4 failed  90.0 MiB (+10.0 MiB)  3.4 %  deadline 2',
    ].join('\n'),
  );
});

test('a service that never failed is back at once, and one that stays down never', () => {
  const line = (changes: Partial<Observation>): string =>
    formatTable([toRow({ ...SEEN, ...changes })]).split('\n')[1] ?? '';
  assert.match(line({ asked: asked(['fresh', 10], ['fresh', 10]) }), / at once +at once /);
  assert.match(line({ asked: asked(['fresh', 10], ['failed', 10, 'deadline']) }), / never +never /);
});
