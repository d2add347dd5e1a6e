import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QUERY_SECONDS } from '../../src/metrics/buckets.ts';
import { Histogram } from '../../src/metrics/histogram.ts';
import { latencyOf } from '../../src/status/latency.ts';

function after(...seconds: readonly number[]): readonly number[] {
  const histogram = new Histogram(QUERY_SECONDS);
  for (const value of seconds) histogram.observe(value);
  return histogram.cumulative();
}

test('without answers there are no quantiles', () => {
  assert.deepEqual(latencyOf(after()), { p50Ms: null, p95Ms: null });
});

test('a quantile is interpolated linearly within its bucket', () => {
  // All ten answers took between 1.024 and 1.536 s.
  const { p50Ms, p95Ms } = latencyOf(after(...Array.from({ length: 10 }, () => 1.3)));
  assert.equal(p50Ms, 1280);
  assert.equal(Math.round(p95Ms ?? 0), 1510);
});

test('the median of many hits and few misses is that of the hits, the 95th percentile that of the misses', () => {
  const { p50Ms, p95Ms } = latencyOf(
    after(...Array.from({ length: 80 }, () => 0.00005), ...Array.from({ length: 20 }, () => 2)),
  );
  assert.ok(p50Ms !== null && p50Ms < 0.0625);
  assert.ok(p95Ms !== null && p95Ms > 1536 && p95Ms <= 2048);
});

test('values above all bounds count as the last bound', () => {
  assert.deepEqual(latencyOf(after(100, 100)), { p50Ms: 32_800, p95Ms: 32_800 });
});
