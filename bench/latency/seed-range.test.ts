import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSeeds } from './seed-range.ts';

test('one seed or a range of them', () => {
  assert.deepEqual(parseSeeds('7'), [7]);
  assert.deepEqual(parseSeeds('9-12'), [9, 10, 11, 12]);
  for (const text of ['', 'a', '5-4', '1-', '-3', '1-101', '1.5']) assert.equal(parseSeeds(text), undefined, text);
});
