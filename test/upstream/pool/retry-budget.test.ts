import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RetryBudget } from '../../../src/upstream/pool/retry-budget.ts';

test('five client queries earn one extra query, and at most ten are saved', () => {
  const budget = new RetryBudget();
  assert.ok(budget.spend());
  assert.ok(!budget.spend());
  for (let i = 0; i < 5; i++) budget.earn();
  assert.ok(budget.spend());
  assert.ok(!budget.spend());
  for (let i = 0; i < 1000; i++) budget.earn();
  let saved = 0;
  while (budget.spend()) saved++;
  assert.equal(saved, 10);
});
