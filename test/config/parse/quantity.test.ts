import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Parsed } from '../../../src/config/config-problem.ts';
import { parseBytes, parseDuration, parseInteger, rangeText } from '../../../src/config/parse/quantity.ts';

test('IEC units and bare letters are powers of 1024, SI units powers of 1000', () => {
  const sizes: readonly (readonly [string, number])[] = [
    ['0', 0],
    ['65536', 65_536],
    ['64k', 65_536],
    ['64 KiB', 65_536],
    ['64kB', 64_000],
    ['16MiB', 16_777_216],
    ['1.5m', 1_572_864],
    ['1GB', 1_000_000_000],
  ];
  for (const [text, value] of sizes) assert.deepEqual(parseBytes(text, {}), { value }, text);
});

test('durations need a unit, and are returned in milliseconds', () => {
  assert.deepEqual(parseDuration('1500ms', {}), { value: 1500 });
  assert.deepEqual(parseDuration('1.5s', {}), { value: 1500 });
  assert.deepEqual(parseDuration('2m', {}), { value: 120_000 });
  assert.match(problemOf(parseDuration('10', {})), /^'10' is not a duration with its unit/);
});

test('bounds are inclusive, and the problem of a value outside names the range', () => {
  const bounds = { min: '1k', max: '1MiB' };
  assert.deepEqual(parseBytes('1024', bounds), { value: 1024 });
  assert.deepEqual(parseBytes('1024k', bounds), { value: 1_048_576 });
  assert.equal(problemOf(parseBytes('1023', bounds)), "'1023' is out of range; give 1k to 1MiB");
  assert.equal(problemOf(parseBytes('1048577', bounds)), "'1048577' is out of range; give 1k to 1MiB");
});

test('a text that is not a whole number of the smallest unit is refused', () => {
  for (const text of ['', 'x', '-1', '1e3', '0x10', '1.5', '1 2', '99999999999999999', '3 apples', 'toString']) {
    assert.match(problemOf(parseInteger(text, { min: '0', max: '9' })), /is not a whole number; give 0 to 9/, text);
  }
  assert.match(problemOf(parseBytes('1constructor', {})), /is not a size/);
});

test('a range may have one bound or none', () => {
  assert.equal(rangeText({ min: '1' }), '1 or more');
  assert.equal(rangeText({ max: '9' }), 'at most 9');
  assert.equal(rangeText({}), '');
});

function problemOf(parsed: Parsed<unknown>): string {
  return 'problem' in parsed
    ? [parsed.problem, ...(parsed.remedy === undefined ? [] : [parsed.remedy])].join('; ')
    : 'no problem';
}
