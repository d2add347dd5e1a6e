import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openLogFile } from '../../../src/cli/output/log-output.ts';
import { Dns4torError } from '../../../src/failures/errors.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';

test('lines are appended to the file', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'log');
  writeFileSync(path, 'before\n');
  openLogFile(path).sink('after\n');
  assert.equal(readFileSync(path, 'utf8'), 'before\nafter\n');
});

test('after reopening, lines go to the new file at the path', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'log');
  const log = openLogFile(path);
  log.sink('one\n');
  renameSync(path, `${path}.1`);
  log.sink('two\n');
  assert.equal(log.reopen(), undefined);
  log.sink('three\n');
  assert.equal(readFileSync(`${path}.1`, 'utf8'), 'one\ntwo\n');
  assert.equal(readFileSync(path, 'utf8'), 'three\n');
});

test('a path that cannot be opened is a configuration error at start, and ignored later', async () => {
  assert.throws(
    () => openLogFile('/nonexistent/log'),
    (error) => error instanceof Dns4torError && error.code === 'ERR_CONFIG' && error.cause instanceof Error,
  );
  const directory = await createTemporaryDirectory();
  const log = openLogFile(join(directory.path, 'log'));
  await directory[Symbol.asyncDispose]();
  assert.match(log.reopen() ?? '', /^ENOENT/);
  log.sink('still running\n');
});
