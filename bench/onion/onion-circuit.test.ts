import assert from 'node:assert/strict';
import { test } from 'node:test';
import { percentile } from '../latencies.ts';
import { normalDeviate } from './draws.ts';
import { drawCircuits, type OnionCircuit, responseQuantileMs } from './onion-circuit.ts';

function take(seed: number, count: number): OnionCircuit[] {
  const circuits = drawCircuits(seed);
  return Array.from({ length: count }, () => circuits.next().value);
}

/** Response times of `count` requests, as a client sees them. */
function responses(circuit: OnionCircuit, count: number): number[] {
  return Array.from({ length: count }, () => circuit.roundTripMs + circuit.nextServerMs());
}

function sorted(times: readonly number[]): number[] {
  return times.filter(Number.isFinite).toSorted((a, b) => a - b);
}

function variance(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
}

const isWithin = (value: number, expected: number, share: number): boolean => Math.abs(value / expected - 1) < share;

test('requests on all circuits together have the published median and 90th percentile', () => {
  const times = sorted(take(1, 4000).flatMap((circuit) => responses(circuit, 20)));
  assert.ok(isWithin(percentile(times, 0.5), 1.08 * 1563, 0.05), `${percentile(times, 0.5)}`);
  assert.ok(isWithin(percentile(times, 0.9), 5535, 0.05), `${percentile(times, 0.9)}`);
});

test('half of the variance of the logarithm lies between circuits', () => {
  const circuits = take(1, 4000);
  const between = variance(circuits.map(({ typicalMs }) => Math.log(typicalMs)));
  const all = variance(circuits.flatMap((circuit) => sorted(responses(circuit, 20)).map(Math.log)));
  // No response is faster than a round trip, which lowers the variance within a circuit a little.
  assert.ok(between / all > 0.45 && between / all < 0.62, `${between / all}`);
});

test('a quantile of one circuit is that of its requests', () => {
  const [circuit] = take(3, 1) as [OnionCircuit];
  const times = responses(circuit, 50_000).toSorted((a, b) => a - b);
  for (const share of [0.1, 0.5, 0.95]) {
    const expected = responseQuantileMs(circuit.typicalMs, normalDeviate, share);
    assert.ok(isWithin(percentile(times, share), expected, 0.03), `${share}: ${percentile(times, share)} ${expected}`);
  }
  assert.equal(responseQuantileMs(circuit.typicalMs, normalDeviate, 0.996), Infinity);
});

test('one request in two hundred is never answered', () => {
  const unanswered = take(2, 50)
    .flatMap((circuit) => responses(circuit, 2000))
    .filter((time) => time === Infinity);
  assert.ok(isWithin(unanswered.length, 500, 0.2), `${unanswered.length}`);
});

test('a connect takes two typical times, a round trip six tenths of one, no response less than a round trip', () => {
  for (const circuit of take(4, 20)) {
    assert.ok(isWithin(circuit.connectMs, 2 * circuit.typicalMs, 1e-9));
    assert.ok(isWithin(circuit.roundTripMs, 0.6 * circuit.typicalMs, 1e-9));
    assert.ok(responses(circuit, 100).every((time) => time >= circuit.roundTripMs));
  }
});

test('drift changes each circuit and leaves the distribution over all circuits as it was', () => {
  const circuits = take(5, 4000);
  const before = circuits.map(({ typicalMs }) => typicalMs);
  for (const circuit of circuits) for (let i = 0; i < 3; i++) circuit.change();
  const after = circuits.map(({ typicalMs }) => typicalMs);
  assert.ok(after.every((typicalMs, i) => typicalMs !== before[i]));
  for (const quantile of [0.1, 0.5, 0.9]) {
    assert.ok(isWithin(percentile(sorted(after), quantile), percentile(sorted(before), quantile), 0.1), `${quantile}`);
  }
  const pauses = circuits.map(({ driftMs }) => driftMs);
  assert.ok(Math.min(...pauses) >= 22_500 && Math.max(...pauses) <= 67_500);
});

test('one seed always draws the same circuits, and requests on one do not change the next', () => {
  const [first, second] = [take(6, 3), take(6, 3)];
  responses(first[0] as OnionCircuit, 10);
  assert.deepEqual(responses(first[1] as OnionCircuit, 10), responses(second[1] as OnionCircuit, 10));
  assert.notEqual(take(7, 1)[0]?.typicalMs, first[0]?.typicalMs);
});
