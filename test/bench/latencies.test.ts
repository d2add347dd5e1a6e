import assert from 'node:assert/strict';
import { test } from 'node:test';
import { percentile, shareWithin, summarize } from './latencies.ts';

const HUNDRED = Array.from({ length: 100 }, (_, i) => (i + 1) * 100);

test('a percentile is the time within which that many were answered', () => {
  assert.equal(percentile(HUNDRED, 0.5), 5000);
  assert.equal(percentile(HUNDRED, 0.951), 9600);
  assert.equal(percentile(HUNDRED, 0), 100);
  assert.equal(percentile(HUNDRED, 1), 10_000);
  assert.equal(percentile([7], 0.5), 7);
});

test('what was not answered counts as never', () => {
  const { queries, p50, p99, within5s, answered } = summarize([Infinity, ...HUNDRED.slice(0, 97), Infinity, Infinity]);
  assert.equal(queries, 100);
  assert.equal(p50, 5000);
  assert.equal(p99, Infinity);
  assert.equal(within5s, 0.5);
  assert.equal(answered, 0.97);
});

test('a limit includes what took exactly so long', () => {
  assert.equal(shareWithin(HUNDRED, 5000), 0.5);
  assert.equal(shareWithin(HUNDRED, 4999), 0.49);
});
