import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Admission } from '../../src/resolver/admission.ts';
import { ask as receive } from '../fixtures/messages.ts';
import { createResolver, UpstreamDouble } from './harness.ts';

test('a client that has its share is refused, and others are not', () => {
  const admission = new Admission({ maxInFlight: 10, maxInFlightPerClient: 2 });
  assert.equal(admission.enter('a'), undefined);
  assert.equal(admission.enter('a'), undefined);
  assert.equal(admission.enter('a'), 'ERR_IN_FLIGHT_CLIENT');
  assert.equal(admission.enter('b'), undefined);
});

test('beyond the bound for all, everybody is refused', () => {
  const admission = new Admission({ maxInFlight: 2, maxInFlightPerClient: 2 });
  assert.equal(admission.enter('a'), undefined);
  assert.equal(admission.enter('b'), undefined);
  assert.equal(admission.enter('c'), 'ERR_IN_FLIGHT');
});

test('a place that is left is free again, and a refusal takes none', () => {
  const admission = new Admission({ maxInFlight: 1, maxInFlightPerClient: 1 });
  for (let round = 0; round < 3; round++) {
    assert.equal(admission.enter('a'), undefined);
    assert.equal(admission.enter('a'), 'ERR_IN_FLIGHT');
    admission.leave('a');
  }
});

test('a query that is not let in is counted by whose bound was reached, whether it gets an expired answer or none', async () => {
  const upstream = new UpstreamDouble();
  const resolver = createResolver(upstream, { init: { maxInFlight: 2, maxInFlightPerClient: 1 } });
  const counted = (): number[] => resolver.counters.totals.notAdmitted.entries().map(({ count }) => count);
  await resolver.ask({ name: 'expired.example' });
  resolver.clock.advance(300_000);
  upstream.answer = () => new Promise(() => {});
  const from = (client: string, name: string): Uint8Array | Promise<Uint8Array> =>
    resolver.handle({ ...receive({ name }), client, arrivedAt: resolver.clock.now() });
  void from('a', 'one.example');
  await from('a', 'two.example');
  assert.deepEqual(counted(), [0, 1]);
  void from('b', 'three.example');
  await from('c', 'four.example');
  assert.deepEqual(counted(), [1, 1]);
  await from('c', 'expired.example');
  assert.deepEqual(counted(), [2, 1]);
});
