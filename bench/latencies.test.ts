import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAILED_MS, geometricMean, percentile, pooledPercentile, shareWithin } from './latencies.ts';

const HUNDRED = Array.from({ length: 100 }, (_, i) => (i + 1) * 100);

test('a percentile is the time within which that share was answered', () => {
  assert.equal(percentile(HUNDRED, 0.5), 5000);
  assert.equal(percentile(HUNDRED, 0.951), 9600);
  assert.equal(percentile(HUNDRED, 0), 100);
  assert.equal(percentile(HUNDRED, 1), 10_000);
  assert.equal(percentile([7], 0.5), 7);
});

test('a limit includes times that equal it', () => {
  assert.equal(shareWithin(HUNDRED, 5000), 0.5);
  assert.equal(shareWithin(HUNDRED, 4999), 0.49);
});

test('seeds are pooled by the geometric mean, and a failure counts as 13 s', () => {
  assert.equal(Math.round(geometricMean([100, 400, 200])), 200);
  assert.equal(
    Math.round(
      pooledPercentile(
        [
          [100, 100],
          [400, 900],
        ],
        0.5,
      ),
    ),
    200,
  );
  assert.equal(
    Math.round(
      pooledPercentile(
        [
          [1, Infinity],
          [1, Infinity],
        ],
        1,
      ),
    ),
    FAILED_MS,
  );
});
