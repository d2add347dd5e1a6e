import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isReached } from '../target.ts';
import { formatMisses, targetsOf, toRows } from './miss-report.ts';
import { FLOOR, type Misses } from './miss-run.ts';

const ROUNDS: Misses[] = [
  { client: 'dns4tor, one circuit', cpuMicros: 400 },
  { client: 'dns4tor, 3 circuits', cpuMicros: 460 },
  { client: FLOOR, cpuMicros: 190 },
  { client: 'dns4tor, one circuit', cpuMicros: 430 },
  { client: 'dns4tor, 3 circuits', cpuMicros: 700 },
  { client: FLOOR, cpuMicros: 180 },
  { client: 'dns4tor, one circuit', cpuMicros: 900 },
  { client: 'dns4tor, 3 circuits', cpuMicros: 431 },
  { client: FLOOR, cpuMicros: 300 },
];

test('the cost of a miss beside TLS is the difference of the medians', () => {
  assert.deepEqual(
    toRows(ROUNDS).map(({ cpuMicros, besideTlsMicros }) => [cpuMicros, besideTlsMicros]),
    [
      [430, 240],
      [460, 270],
      [190, 0],
    ],
  );
});

test('the limit applies to each number of circuits, and only to the difference', () => {
  assert.deepEqual(targetsOf(toRows(ROUNDS)).map(isReached), [true, false]);
});

test('the table has a line for each client, and no difference for the floor', () => {
  const lines = formatMisses(toRows(ROUNDS)).split('\n');
  assert.match(lines[1] ?? '', /^dns4tor, one circuit +430 +240$/);
  assert.match(lines[3] ?? '', /^TLS and HTTP\/2 alone +190$/);
});
