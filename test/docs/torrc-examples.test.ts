import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readBridgesFile } from '../../src/config/parse/bridges-file.ts';
import { runProgram } from '../fixtures/process/run-program.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { PAGES, pageAt } from './pages.ts';

test('tor takes every torrc of the docs', async () => {
  await using directory = await createTemporaryDirectory();
  const blocks = PAGES.flatMap((page) => page.blocks.filter(({ language }) => language === 'torrc'));
  assert.notEqual(blocks.length, 0);
  for (const { text, place } of blocks) {
    const file = join(directory.path, 'torrc');
    await writeFile(file, `DataDirectory ${directory.path}/tor\n${text}\n`);
    const verify = runProgram('tor', ['--verify-config', '--defaults-torrc', '/dev/null', '-f', file]);
    await assert.doesNotReject(verify, place);
  }
});

test('dns4tor takes the example of a file of bridges, which has one bridge of each transport', async () => {
  await using directory = await createTemporaryDirectory();
  const file = join(directory.path, 'bridges');
  const examples = pageAt('docs/bridges.md').blocks.filter(({ language }) => language === 'text');
  await writeFile(file, examples.map(({ text }) => text).join('\n'), { mode: 0o600 });
  const parsed = readBridgesFile(file);
  assert.ok('value' in parsed, 'problem' in parsed ? parsed.problem : '');
  assert.deepEqual(parsed.value.bridges.map(({ bridge }) => bridge.transport).toSorted(), [
    'meek_lite',
    'obfs4',
    'snowflake',
    'vanilla',
    'webtunnel',
  ]);
});
