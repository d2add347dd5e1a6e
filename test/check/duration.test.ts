import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeDuration } from '../../src/check/duration.ts';

test('durations are told in the unit that fits them', () => {
  const texts = [0.4, 999, 1000, 59_900, 60_000, 150_000, 3_600_000, 7 * 86_400_000].map(describeDuration);
  assert.deepEqual(texts, ['0 ms', '999 ms', '1.0 s', '59.9 s', '1 minute', '2 minutes', '1 hour', '7 days']);
});
