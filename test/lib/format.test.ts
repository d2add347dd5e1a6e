import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatMs,
  formatNoun,
  formatShare,
  UNKNOWN,
} from '../../src/lib/format.ts';

test('measured times have two significant digits, in milliseconds or seconds', () => {
  assert.deepEqual(
    [null, 0.0412, 0.4, 0.5, 12.34, 456, 812, 994, 995, 999.9, 1000, 1234, 1240, 32_800, 59_940].map(formatMs),
    [
      UNKNOWN,
      '0.041 ms',
      '0.4 ms',
      '0.5 ms',
      '12 ms',
      '460 ms',
      '810 ms',
      '990 ms',
      '1 s',
      '1 s',
      '1 s',
      '1.2 s',
      '1.2 s',
      '33 s',
      '60 s',
    ],
  );
});

test('elapsed times have their two largest units', () => {
  assert.deepEqual([0, 59, 60, 194, 3599, 3600, 11_520, 86_399, 86_400, 90_000, 187_200].map(formatDuration), [
    '0 s',
    '59 s',
    '1 min 0 s',
    '3 min 14 s',
    '59 min 59 s',
    '1 h 0 min',
    '3 h 12 min',
    '23 h 59 min',
    '1 d 0 h',
    '1 d 1 h',
    '2 d 4 h',
  ]);
});

test('sizes are in binary units, to one decimal place', () => {
  assert.deepEqual([0, 1023, 1024, 3400, 16 * 2 ** 20].map(formatBytes), [
    '0 B',
    '1023 B',
    '1 KiB',
    '3.3 KiB',
    '16 MiB',
  ]);
});

test('counts have groups of three digits, and nouns have a singular', () => {
  assert.equal(formatCount(1_234_567), '1,234,567');
  assert.equal(formatNoun(1, 'answer', 'answers'), '1 answer');
  assert.equal(formatNoun(0, 'answer', 'answers'), '0 answers');
});

test('a share of zero is unknown', () => {
  assert.equal(formatShare(0, 0), UNKNOWN);
  assert.equal(formatShare(2, 3), '67 %');
});
