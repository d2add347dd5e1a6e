import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Asked, Outcome } from './load.ts';
import { isFullService, serviceSinceMs } from './service.ts';

/** One query per outcome, 50 ms apart, each answered after 10 ms; undefined still waits. */
function ask(...outcomes: readonly (Outcome | undefined)[]): Asked[] {
  return outcomes.map((outcome, i) => {
    const query = { kind: 'new', name: `n${i}`, sentAtMs: 50 * i } as const;
    return outcome === undefined ? query : { ...query, end: { outcome, atMs: 50 * i + 10, reason: '' } };
  });
}

function many(outcome: Outcome, count: number): Outcome[] {
  return Array.from({ length: count }, () => outcome);
}

test('full service means fresh answers for two seconds of load', () => {
  assert.equal(isFullService(ask(...many('fresh', 40)), 0), true);
  assert.equal(isFullService(ask(...many('fresh', 39)), 0), false);
  assert.equal(isFullService(ask('failed', ...many('fresh', 40), undefined), 0), true);
  assert.equal(isFullService(ask(...many('fresh', 20), 'stale', ...many('fresh', 39)), 0), false);
});

test('queries before the moment do not count, and a waiting query is not an answered one', () => {
  assert.equal(isFullService(ask(...many('fresh', 40)), 50), false);
  assert.equal(isFullService(ask(...many('fresh', 20), undefined, ...many('fresh', 39)), 0), false);
});

test('service is back with the first answer after the last failure', () => {
  assert.equal(serviceSinceMs(ask('fresh', 'failed', 'fresh', 'stale', 'fresh', 'fresh')), 4 * 50 + 10);
  assert.equal(serviceSinceMs(ask('fresh', 'fresh', 'failed')), undefined);
  assert.equal(serviceSinceMs(ask('fresh', 'fresh')), 0);
});
