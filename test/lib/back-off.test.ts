import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawPauseMs } from '../../src/lib/back-off.ts';

function pausesMs(fraction: number): number[] {
  const random = { fraction: () => fraction, bytes: (length: number) => new Uint8Array(length) };
  return [0, 1, 2, 3, 4].map((failures) => drawPauseMs({ firstMs: 100, longestMs: 500 }, failures, random));
}

test('the pause doubles with each consecutive failure, up to the longest', () => {
  assert.deepEqual(pausesMs(1), [100, 200, 400, 500, 500]);
});

test('jitter shortens a pause by up to half', () => {
  assert.deepEqual(pausesMs(0), [50, 100, 200, 250, 250]);
});
