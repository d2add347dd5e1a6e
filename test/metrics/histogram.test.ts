import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EXCHANGE_SECONDS, MESSAGE_BYTES, QUERY_SECONDS } from '../../src/metrics/buckets.ts';
import { Histogram } from '../../src/metrics/histogram.ts';

test('a bound includes its own value, and a value above all bounds counts only in the total', () => {
  const histogram = new Histogram([1, 2, 4]);
  for (const value of [0, 1, 1.5, 2, 2.1, 4, 4.1]) histogram.observe(value);
  assert.deepEqual(histogram.cumulative(), [2, 4, 6, 7]);
});

test('a histogram is cumulative and sums any values', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 100_000 })), (values) => {
      const histogram = new Histogram(MESSAGE_BYTES);
      for (const value of values) histogram.observe(value);
      const upTo = (bound: number): number => values.filter((value) => value <= bound).length;
      assert.deepEqual(histogram.cumulative(), [...MESSAGE_BYTES.map(upTo), values.length]);
      assert.equal(
        histogram.sum,
        values.reduce((sum, value) => sum + value, 0),
      );
    }),
  );
});

test('the bounds ascend, include those of CoreDNS, and exceed ten seconds', () => {
  for (const bounds of [QUERY_SECONDS, EXCHANGE_SECONDS, MESSAGE_BYTES]) {
    assert.deepEqual(
      bounds,
      bounds.toSorted((a, b) => a - b),
    );
    assert.equal(new Set(bounds).size, bounds.length);
  }
  for (let doubled = 0; doubled < 16; doubled += 1)
    assert.ok(QUERY_SECONDS.some((bound) => bound === 0.00025 * 2 ** doubled));
  assert.ok(QUERY_SECONDS.at(-1)! > 10);
});
