import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as quantities from '../../src/cli/output/quantity-text.ts';
import * as durations from '../../src/lib/duration.ts';
import {
  formatBytes,
  formatCount,
  formatMs,
  formatNoun,
  formatSeconds,
  formatShare,
  NOTHING,
} from '../../page/format.ts';

test('times have two significant digits and a suitable unit', () => {
  assert.deepEqual(
    [null, 0.0412, 0.5, 12.34, 812, 994, 995, 999.9, 1000, 1234, 32_800].map((ms) => formatMs(ms)),
    [NOTHING, '0.041 ms', '0.5 ms', '12 ms', '810 ms', '990 ms', '1 s', '1 s', '1 s', '1.2 s', '33 s'],
  );
});

test('durations have their two largest units', () => {
  assert.deepEqual([0, 59, 60, 3599, 3600, 11_520, 86_399, 86_400, 187_200].map(formatSeconds), [
    '0 s',
    '59 s',
    '1 min 0 s',
    '59 min 59 s',
    '1 h 0 min',
    '3 h 12 min',
    '23 h 59 min',
    '1 d 0 h',
    '2 d 4 h',
  ]);
});

test('sizes are in KiB, MiB and GiB', () => {
  assert.deepEqual([0, 1023, 1024, 3400, 16 * 2 ** 20].map(formatBytes), [
    '0 B',
    '1023 B',
    '1 KiB',
    '3.3 KiB',
    '16 MiB',
  ]);
});

test('counts have thousands separators and the right plural', () => {
  assert.equal(formatCount(1_234_567), '1,234,567');
  assert.equal(formatNoun(1, 'answer', 'answers'), '1 answer');
  assert.equal(formatNoun(0, 'answer', 'answers'), '0 answers');
});

test('there is no share of zero', () => {
  assert.equal(formatShare(0, 0), NOTHING);
  assert.equal(formatShare(2, 3), '67 %');
});

test('the terminal formats all of these as the page does', () => {
  const values = [0, 0.0412, 0.5, 12.34, 812, 995, 999.9, 1000, 1234, 3400, 32_800, 90_000, 2 ** 20 - 1, 16 * 2 ** 20];
  for (const value of values) {
    const seconds = Math.floor(value);
    assert.deepEqual(
      [
        durations.formatMs(value),
        durations.formatDuration(seconds),
        quantities.formatBytes(value),
        quantities.formatCount(value),
      ],
      [formatMs(value), formatSeconds(seconds), formatBytes(value), formatCount(value)],
    );
    assert.equal(quantities.formatNoun(seconds, 'answer', 'answers'), formatNoun(seconds, 'answer', 'answers'));
  }
  assert.equal(durations.formatMs(null), formatMs(null));
});
