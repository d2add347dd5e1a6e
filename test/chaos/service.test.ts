import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Asked, Outcome } from './load.ts';
import { isFullService, serviceSinceMs } from './service.ts';

/** One query for each outcome, 50 ms apart, each answered 10 ms later; undefined waits still. */
function ask(...outcomes: readonly (Outcome | undefined)[]): Asked[] {
  return outcomes.map((outcome, i) => {
    const query = { kind: 'new', name: `n${i}`, sentAtMs: 50 * i } as const;
    return outcome === undefined ? query : { ...query, end: { outcome, atMs: 50 * i + 10, reason: '' } };
  });
}

function many(outcome: Outcome, count: number): Outcome[] {
  return Array.from({ length: count }, () => outcome);
}

test('full service is two seconds of the load answered fresh', () => {
  assert.equal(isFullService(ask(...many('fresh', 40)), 0), true);
  assert.equal(isFullService(ask(...many('fresh', 39)), 0), false);
  assert.equal(isFullService(ask('failed', ...many('fresh', 40), undefined), 0), true);
  assert.equal(isFullService(ask(...many('fresh', 20), 'stale', ...many('fresh', 39)), 0), false);
});

test('what was asked before the moment does not count, and a query that waits among others is none that was answered', () => {
  assert.equal(isFullService(ask(...many('fresh', 40)), 50), false);
  assert.equal(isFullService(ask(...many('fresh', 20), undefined, ...many('fresh', 39)), 0), false);
});

test('service is there from the first answer after the last loss', () => {
  assert.equal(serviceSinceMs(ask('fresh', 'failed', 'fresh', 'stale', 'fresh', 'fresh')), 4 * 50 + 10);
  assert.equal(serviceSinceMs(ask('fresh', 'fresh', 'failed')), undefined);
  assert.equal(serviceSinceMs(ask('fresh', 'fresh')), 0);
});
