import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentTimes, ResponseTime } from '../../src/upstream/response-time.ts';

test('a circuit that has not answered yet has no estimate', () => {
  assert.equal(new ResponseTime().typicalMs, undefined);
});

test('the estimate is the geometric mean at first, so that one long answer hardly moves it', () => {
  const time = new ResponseTime();
  for (const ms of [100, 100, 100, 10_000]) time.record(ms);
  assert.ok(Math.abs((time.typicalMs ?? 0) - 100 ** 0.75 * 10_000 ** 0.25) < 1e-6);
});

test('the estimate follows a circuit that has become slow within a dozen answers', () => {
  const time = new ResponseTime();
  for (let i = 0; i < 100; i++) time.record(100);
  for (let i = 0; i < 12; i++) time.record(1000);
  assert.ok((time.typicalMs ?? 0) > 800);
});

test('quantiles are of the latest answers only', () => {
  const recent = new RecentTimes(4);
  assert.equal(recent.quantile(0.5), undefined);
  for (const ms of [1, 2, 3, 4, 10, 20, 30, 40]) recent.record(ms);
  assert.equal(recent.count, 4);
  assert.equal(recent.quantile(0), 10);
  assert.equal(recent.quantile(0.5), 30);
  assert.equal(recent.quantile(1), 40);
});
