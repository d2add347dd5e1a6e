import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSeededRandom } from './seeded-random.ts';

const take = (seed: number, count: number): number[] => {
  const random = createSeededRandom(seed);
  return Array.from({ length: count }, () => random.fraction());
};

test('the same seed gives the same numbers, another seed gives others', () => {
  assert.deepEqual(take(1, 10), take(1, 10));
  assert.notDeepEqual(take(1, 10), take(2, 10));
});

test('fractions are spread evenly over 0 to 1', () => {
  const fractions = take(1, 10_000);
  for (let tenth = 0; tenth < 10; tenth++) {
    const count = fractions.filter((fraction) => Math.floor(fraction * 10) === tenth).length;
    assert.ok(count > 880 && count < 1120, `${count}`);
  }
});

test('bytes have the given length and vary', () => {
  const bytes = createSeededRandom(1).bytes(16);
  assert.equal(bytes.length, 16);
  assert.ok(new Set(bytes).size > 8);
});
