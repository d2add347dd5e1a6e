import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Admission } from '../../src/resolver/admission.ts';

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
