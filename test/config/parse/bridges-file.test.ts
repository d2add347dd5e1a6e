import assert from 'node:assert/strict';
import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readBridgesFile } from '../../../src/config/parse/bridges-file.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';

const FINGERPRINT = '0123456789ABCDEF0123456789ABCDEF01234567';
const OTHER_USER = 65_534;

interface Read {
  /** The torrc line of each bridge, after its line number. */
  readonly bridges: readonly string[];
  /** Problem and remedy, without the path. */
  readonly problem: string;
}

async function read(content: string, prepare: (path: string) => void = () => {}): Promise<Read> {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'bridges');
  writeFileSync(path, content, { mode: 0o600 });
  prepare(path);
  const parsed = readBridgesFile(path);
  if ('value' in parsed) {
    assert.equal(parsed.value.path, path);
    const bridges = parsed.value.bridges.map(({ lineNumber, bridge }) => `${lineNumber}: ${bridge.toTorrc()}`);
    return { bridges, problem: '' };
  }
  assert.ok(parsed.problem.startsWith(`'${path}' `), parsed.problem);
  return { bridges: [], problem: `${parsed.problem}; ${parsed.remedy}`.replaceAll(path, 'FILE') };
}

test('each line is a bridge; blank lines and comments are ignored, and lines may end as on other systems', async () => {
  const lines = ['# mine', '', `Bridge 192.0.2.10:443 ${FINGERPRINT}`, '   ', '  # more', '192.0.2.11:443', ''];
  for (const end of ['\n', '\r\n']) {
    const { bridges } = await read(lines.join(end));
    assert.deepEqual(bridges, [`3: 192.0.2.10:443 ${FINGERPRINT}`, '6: 192.0.2.11:443']);
  }
});

test('wrong lines are named by their numbers and not quoted', async () => {
  const { problem } = await read('192.0.2.10:443\n192.0.2.11:canary\n\nobfs4 192.0.2.12:443 canary\n');
  assert.match(problem, /\bline 2: .*\bline 4: /);
  assert.ok(!problem.includes('canary') && !problem.includes('192.0.2.'), problem);
});

test('a file of another kind is refused with a few of its lines, none quoted', async () => {
  const { problem } = await read('canary canary\n'.repeat(64));
  assert.equal(problem.match(/\bline \d+/g)?.length, 5);
  assert.match(problem, /\b59\b/);
  assert.ok(!problem.includes('canary'));
});

test('a file without a bridge is refused, and one with more than 64', async () => {
  assert.notEqual((await read('# none\n')).problem, '');
  const lines = (count: number): string => Array.from({ length: count }, (_, n) => `192.0.2.1:${n + 1}\n`).join('');
  assert.equal((await read(lines(64))).bridges.length, 64);
  assert.match((await read(lines(65))).problem, /\b65\b.*\b64\b/);
});

test('a file that other users can read or replace is refused', async () => {
  for (const mode of [0o604, 0o602, 0o644]) {
    assert.match((await read('192.0.2.10:443\n', (path) => chmodSync(path, mode))).problem, /chmod 600 FILE/);
  }
  const { problem } = await read('192.0.2.10:443\n', (path) => chownSync(path, OTHER_USER, OTHER_USER));
  assert.match(problem, new RegExp(`\\b${OTHER_USER}\\b.*chown`));
  // The group of a credential of systemd is the service itself.
  assert.equal((await read('192.0.2.10:443\n', (path) => chmodSync(path, 0o440))).problem, '');
});

test('a missing file is a problem', () => {
  assert.ok('problem' in readBridgesFile('/nonexistent/bridges'));
});
