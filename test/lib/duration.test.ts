import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDuration, formatMs } from '../../src/lib/duration.ts';

test('what took milliseconds is told in them, and what took longer in seconds', () => {
  const texts = [null, 0.0412, 0.4, 456, 994, 995, 999.9, 1000, 1240, 59_940].map(formatMs);
  assert.deepEqual(texts, ['–', '0.041 ms', '0.4 ms', '460 ms', '990 ms', '1 s', '1 s', '1 s', '1.2 s', '60 s']);
});

test('what has lasted longer is told in its two largest units', () => {
  const texts = [0, 59, 60, 194, 3600, 90_000].map(formatDuration);
  assert.deepEqual(texts, ['0 s', '59 s', '1 min 0 s', '3 min 14 s', '1 h 0 min', '1 d 1 h']);
});
