import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isReached } from '../target.ts';
import { formatFootprint, targetsOf } from './footprint-report.ts';
import type { Footprint } from './footprint-run.ts';

const MIB = 2 ** 20;

const SMALL: Footprint = {
  listeningMs: [400, 180, 190],
  idleBytes: 60 * MIB,
  filledBytes: 120 * MIB,
  restedBytes: 110 * MIB,
  entries: 100_000,
  cacheBytes: 30 * MIB,
};

test('start time is the median of all starts, and memory is what the answers add', () => {
  assert.deepEqual(
    targetsOf(SMALL).map(({ value }) => value),
    [190, 60, 60],
  );
  assert.deepEqual(targetsOf(SMALL).map(isReached), [true, true, true]);
});

test('each of the three targets is missed independently', () => {
  const worse: Footprint[] = [
    { ...SMALL, listeningMs: [400, 260, 190] },
    { ...SMALL, idleBytes: 70 * MIB },
    { ...SMALL, filledBytes: 125 * MIB },
  ];
  assert.deepEqual(
    worse.map((footprint) => targetsOf(footprint).map(isReached)),
    [
      [false, true, true],
      [true, false, true],
      [true, true, false],
    ],
  );
});

test('the table states the number of answers', () => {
  const lines = formatFootprint(SMALL).split('\n');
  assert.match(lines[1] ?? '', /longest +400 ms$/);
  assert.match(lines[3] ?? '', /^RSS with 100000 answers in the cache +120\.0 MiB$/);
});
