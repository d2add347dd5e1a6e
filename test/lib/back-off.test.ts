import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawPauseMs } from '../../src/lib/back-off.ts';

function pausesMs(fraction: number): number[] {
  const random = { fraction: () => fraction, bytes: (length: number) => new Uint8Array(length) };
  return [0, 1, 2, 3, 4].map((failures) => drawPauseMs({ firstMs: 100, longestMs: 500 }, failures, random));
}

test('a pause doubles with each failure in a row, up to the longest', () => {
  assert.deepEqual(pausesMs(1), [100, 200, 400, 500, 500]);
});

test('chance takes up to a half off a pause', () => {
  assert.deepEqual(pausesMs(0), [50, 100, 200, 250, 250]);
});
