import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columnsOf, rowsOf } from '../../../src/cli/output/terminal-size.ts';

test('a terminal without a size has 80 columns and 24 rows', () => {
  for (const stream of [{}, { columns: 0, rows: 0 }]) assert.deepEqual([columnsOf(stream), rowsOf(stream)], [80, 24]);
});

test('a terminal with a size has that size, however small', () => {
  const stream = { columns: 1, rows: 1 };
  assert.deepEqual([columnsOf(stream), rowsOf(stream)], [1, 1]);
});
