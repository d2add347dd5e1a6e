import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BestOf, type BestOfOptions, bestOf } from './best-circuits.ts';

const STEADY: BestOfOptions = {
  seeds: Array.from({ length: 200 }, (_, seed) => seed),
  drifts: false,
  rejects: false,
  lastsMs: 60_000,
};

test('one circuit has the published median, and the best of several is faster', () => {
  const [one, three, eight] = [1, 3, 8].map((circuits) => bestOf(circuits, STEADY)) as [BestOf, BestOf, BestOf];
  assert.ok(one.p50 > 1300 && one.p50 < 1900, `${one.p50}`);
  assert.ok(three.p50 < 0.7 * one.p50 && eight.p50 < 0.8 * three.p50);
  for (const { p50, p95 } of [one, three, eight]) assert.ok(p95 > 3 * p50 && p95 < 3.4 * p50);
});

test('with drift, the best of several circuits is as fast on average as without', () => {
  const drifting = bestOf(4, { ...STEADY, drifts: true, lastsMs: 600_000 });
  const ratio = drifting.p50 / bestOf(4, STEADY).p50;
  assert.ok(ratio > 0.8 && ratio < 1.2, `${ratio}`);
});

test('a circuit that gets 503 is never the best, however fast it is', () => {
  assert.ok(bestOf(4, { ...STEADY, rejects: true }).p50 > 1.1 * bestOf(4, STEADY).p50);
});
