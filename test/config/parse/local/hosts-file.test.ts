import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type HostsFile, readHostsFile } from '../../../../src/config/parse/local/hosts-file.ts';
import { createTemporaryDirectory } from '../../../fixtures/temporary-directory.ts';

async function read(text: string): Promise<HostsFile> {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'hosts');
  await writeFile(path, text);
  const parsed = readHostsFile(path);
  assert.ok('value' in parsed);
  return parsed.value;
}

test('a line has an address, its names and perhaps a comment', async () => {
  const { names, wrongLines } = await read(
    '# ours\n\n192.168.1.5\tNAS.lan nas # the box\r\n  fd00::5 nas.lan.\n10.0.0.1 last',
  );
  assert.deepEqual(names, [
    { name: 'nas.lan', address: '192.168.1.5' },
    { name: 'nas', address: '192.168.1.5' },
    { name: 'nas.lan', address: 'fd00::5' },
    { name: 'last', address: '10.0.0.1' },
  ]);
  assert.deepEqual(wrongLines, []);
});

test('wrong lines are numbered, and do not affect the others', async () => {
  const { names, wrongLines } = await read(
    'nas.lan 192.168.1.5\n192.168.1.5\n192.168.1.300 a.lan\nfe80::1%lo0 b.lan\n10.0.0.1 good.lan\n10.0.0.1 bad/name\n',
  );
  assert.deepEqual(names, [{ name: 'good.lan', address: '10.0.0.1' }]);
  assert.deepEqual(wrongLines, [1, 2, 3, 4, 6]);
});

test('names that standards define are skipped', async () => {
  const { names, wrongLines } = await read('127.0.0.1 localhost x.localhost a.onion box\n');
  assert.deepEqual([names, wrongLines], [[{ name: 'box', address: '127.0.0.1' }], []]);
});

test('a missing file, a directory and a file that is too large are refused', async () => {
  await using directory = await createTemporaryDirectory();
  assert.ok('problem' in readHostsFile(join(directory.path, 'missing')));
  assert.ok('problem' in readHostsFile(directory.path));
  const large = join(directory.path, 'large');
  await writeFile(large, '10.0.0.1 a.lan\n'.repeat(100_000));
  assert.ok('problem' in readHostsFile(large));
});
