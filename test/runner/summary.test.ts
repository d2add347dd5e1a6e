import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FileResult, TestResult } from './run-file.ts';
import { formatSummary } from './summary.ts';

function file(name: string, ...tests: readonly TestResult[]): FileResult {
  const passed = tests.every(({ outcome }) => outcome !== 'failed');
  return { file: name, passed, tests, durationMs: 0, output: '' };
}

test('the summary counts tests and files', () => {
  const results = [
    file('a', { name: 'one', durationMs: 1, outcome: 'passed' }, { name: 'two', durationMs: 1, outcome: 'skipped' }),
    file('b', { name: 'three', durationMs: 1, outcome: 'passed' }),
  ];
  assert.equal(formatSummary(results, 12_340), '3 tests in 2 files: 2 passed, 0 failed, 1 skipped. Took 12.3 s.');
});

test('failed tests come first, and so does a file that failed without one', () => {
  const results = [
    file('a', { name: 'one', durationMs: 1, outcome: 'failed' }, { name: 'two', durationMs: 1, outcome: 'passed' }),
    { ...file('b'), passed: false },
  ];
  assert.deepEqual(formatSummary(results, 0).split('\n').slice(0, 3), [
    'Failed:',
    '  a: one',
    '  b: ended with a failure outside its tests',
  ]);
});

test('the slowest twenty of more tests are listed with their files, slowest first', () => {
  const tests = Array.from({ length: 25 }, (_, i): TestResult => {
    return { name: `test ${i}`, durationMs: i * 1000, outcome: 'passed' };
  });
  const lines = formatSummary([file('a', ...tests)], 0).split('\n');
  assert.equal(lines[0], 'The slowest 20 tests:');
  assert.equal(lines[1], '   24.0 s  a: test 24');
  assert.equal(lines[20], '    5.0 s  a: test 5');
  assert.equal(lines[21], '');
});
