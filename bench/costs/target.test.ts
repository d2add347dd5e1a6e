import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTargets, isReached, toJson } from './target.ts';

test('a value up to its limit reaches the target, and others say by how much they miss it', () => {
  const targets = [
    { what: 'ratio', value: 0.9, limit: 0.9 },
    { what: 'slow', value: 1.2, limit: 0.8 },
    { what: 'lost', value: 3, limit: 0, unit: 'queries' },
  ];
  const lines = formatTargets(targets).split('\n');
  assert.match(lines[1] ?? '', /^ratio +0\.90 +≤ 0\.90 +reached$/);
  assert.match(lines[2] ?? '', /^slow +1\.20 +≤ 0\.80 +falls short by 50 %$/);
  assert.match(lines[3] ?? '', /^lost +3 queries +≤ 0 queries +falls short$/);
});

test('a value that could not be measured misses its target', () => {
  const unmeasured = { what: 'ratio', value: Number.NaN, limit: 1 };
  assert.equal(isReached(unmeasured), false);
  assert.equal(toJson(unmeasured).reached, false);
});
