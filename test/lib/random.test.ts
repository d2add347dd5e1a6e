import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemRandom } from '../../src/lib/random.ts';

test('fractions lie between 0 and 1 and do not repeat', () => {
  const fractions = Array.from({ length: 1000 }, () => systemRandom.fraction());
  assert.ok(fractions.every((fraction) => fraction >= 0 && fraction < 1));
  // They have 32 bits, so two equal ones are possible (once in ten thousand runs), and three are a defect.
  assert.ok(new Set(fractions).size > 997);
});
