import assert from 'node:assert/strict';
import { test } from 'node:test';
import { percentile, shareWithin } from './latencies.ts';
import { delayAt, drawCircuit, normalDeviate, stratifiedFractions } from './onion-delays.ts';
import { createSeededRandom } from './seeded-random.ts';

/** Of `circuits` circuits, `requests` delays each. */
function draw(circuits: number, requests: number): number[][] {
  const random = createSeededRandom(1);
  const ranks = stratifiedFractions(random, circuits);
  return Array.from({ length: circuits }, () => {
    const circuit = drawCircuit(random, ranks.next().value);
    return Array.from({ length: requests }, () => circuit.next());
  });
}

function variance(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
}

test('normal deviates are those of the tables', () => {
  for (const [probability, deviate] of [
    [0.5, 0],
    [0.25, -0.67449],
    [0.95, 1.64485],
    [0.999, 3.09023],
  ] as const) {
    assert.ok(Math.abs(normalDeviate(probability) - deviate) < 5e-4, `${probability}`);
  }
  assert.ok(Number.isFinite(normalDeviate(0)) && Number.isFinite(normalDeviate(1)));
});

test('the delay goes through the published quantiles, and on beyond them', () => {
  assert.equal(Math.round(delayAt(0)), 1563);
  assert.equal(Math.round(delayAt(1.64485)), 6988);
  assert.equal(Math.round(delayAt(2.32635)), 9102);
  assert.ok(delayAt(3) > 9102);
  assert.ok(delayAt(-2) < 876 && delayAt(-2) > 100);
  // Half way between two quantiles on the normal scale, the geometric mean of the two.
  assert.ok(Math.abs(delayAt(0.67449 / 2) - Math.sqrt(1563 * 2534)) < 1e-9);
});

test('all requests on all circuits together take as long as published', () => {
  const sorted = draw(400, 100)
    .flat()
    .filter(Number.isFinite)
    .toSorted((a, b) => a - b);
  for (const [quantile, publishedMs] of [
    [0.25, 876],
    [0.5, 1563],
    [0.75, 2534],
    [0.9, 5535],
    [0.95, 6988],
    [0.99, 9102],
  ] as const) {
    const ratio = percentile(sorted, quantile) / publishedMs;
    assert.ok(ratio > 0.95 && ratio < 1.05, `${quantile}: ${ratio}`);
  }
});

test('half of the variance belongs to the circuit', () => {
  const logs = draw(400, 100).map((delays) => delays.filter(Number.isFinite).map(Math.log));
  const means = logs
    .filter(({ length }) => length > 0)
    .map((ofCircuit) => ofCircuit.reduce((sum, value) => sum + value, 0) / ofCircuit.length);
  const share = variance(means) / variance(logs.flat());
  assert.ok(share > 0.4 && share < 0.6, `${share}`);
});

test('one circuit in a hundred and one request in two hundred hang for good', () => {
  const random = createSeededRandom(1);
  const hanging = Array.from({ length: 2000 }, () => drawCircuit(random, random.fraction())).filter(
    ({ hangs }) => hangs,
  );
  assert.ok(hanging.length >= 8 && hanging.length <= 36, `${hanging.length}`);
  const unanswered = 1 - shareWithin(draw(2000, 50).flat(), Number.MAX_VALUE);
  assert.ok(unanswered > 0.004 && unanswered < 0.006, `${unanswered}`);
});

test('setting up a circuit takes one to three seconds', () => {
  const random = createSeededRandom(2);
  for (let i = 0; i < 100; i++) {
    const { setupMs } = drawCircuit(random, 0.5);
    assert.ok(setupMs >= 1000 && setupMs < 3000);
  }
});

test('of stratified fractions each stratum has one, in an order of chance', () => {
  const fractions = stratifiedFractions(createSeededRandom(3), 50);
  for (let round = 0; round < 2; round++) {
    const strata = Array.from({ length: 50 }, () => Math.floor(fractions.next().value * 50));
    const ordered = strata.toSorted((a, b) => a - b);
    assert.deepEqual(ordered, [...ordered.keys()]);
    assert.notDeepEqual(strata, ordered);
  }
});
