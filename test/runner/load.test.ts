import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { byDuration, isQuick, LOADS, loadOf } from './load.ts';

const ROOT = join(import.meta.dirname, '..', '..');

test('every file in the table exists', () => {
  const missing = Object.keys(LOADS).filter((file) => !existsSync(join(ROOT, file)));
  assert.deepEqual(missing, []);
});

test('longer files come first; a file without an entry is short, and takes one core', () => {
  const long = 'test/chaos/chaos.test.ts';
  assert.deepEqual(byDuration(['a.test.ts', long, 'b.test.ts']), [long, 'a.test.ts', 'b.test.ts']);
  assert.deepEqual([isQuick(long), isQuick('a.test.ts')], [false, true]);
  assert.equal(loadOf('a.test.ts').cores, 1);
});
