import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latencyColumns, stackedColumns } from '../../page/columns.ts';
import { totalOf } from '../../src/status/labels.ts';
import type { MinuteSnapshot } from '../../src/status/snapshot.ts';

const START = Date.UTC(2026, 0, 2, 3, 4, 5);

function minute(index: number): MinuteSnapshot {
  return {
    startedAtEpochMs: START + index * 60_000,
    answers: { cache: 10, upstream: 5, stale: 2, failed: 1, local: 3 },
    latency: { p50Ms: 0.1, p95Ms: index === 0 ? null : 900 },
  };
}

test('sources are stacked, the highest bar first', () => {
  const [, ...stacks] = stackedColumns([minute(0)]);
  assert.deepEqual(
    stacks.map((column) => column.at(-1)),
    [21, 20, 18, 13, 3],
  );
  assert.equal(totalOf(minute(0).answers), 21);
});

test('a source without answers has no bar', () => {
  const answers = { cache: 10, upstream: 0, stale: 0, failed: 1, local: 0 };
  const [, ...stacks] = stackedColumns([{ ...minute(0), answers }]);
  assert.deepEqual(
    stacks.map((column) => column.at(-1)),
    [11, null, null, 10, null],
  );
});

test('the columns begin with the first minute and have one point for each', () => {
  for (const columns of [stackedColumns([minute(0), minute(1)]), latencyColumns([minute(0), minute(1)])]) {
    assert.deepEqual(columns[0], [START / 1000, START / 1000 + 60]);
    assert.deepEqual(new Set(columns.map(({ length }) => length)), new Set([2]));
  }
});

test('a minute without answers has no response time', () => {
  const [, , p95] = latencyColumns([minute(0), minute(1)]);
  assert.deepEqual(p95?.slice(-2), [null, 900]);
});
