import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { isInstalled } from '../../scripts/prepare.js';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';

const PREPARE = new URL('../../scripts/prepare.js', import.meta.url).href;

const WANTED: Parameters<typeof isInstalled>[0] = {
  '': {},
  'node_modules/a': { integrity: 'sha512-a' },
  'node_modules/other-system': { integrity: 'sha512-o', optional: true },
};

test('packages are installed when each that is not optional is there, at its hash', () => {
  assert.equal(isInstalled(WANTED, { 'node_modules/a': { integrity: 'sha512-a' } }), true);
  assert.equal(isInstalled(WANTED, { ...WANTED, 'node_modules/this-system': { optional: true } }), true);
});

test('a missing, another or an additional package means that they are not', () => {
  assert.equal(isInstalled(WANTED, undefined), false);
  assert.equal(isInstalled(WANTED, {}), false);
  assert.equal(isInstalled(WANTED, { 'node_modules/a': { integrity: 'sha512-b' } }), false);
  assert.equal(isInstalled(WANTED, { ...WANTED, 'node_modules/b': {} }), false);
  assert.equal(isInstalled(WANTED, { ...WANTED, 'node_modules/other-system': { integrity: 'sha512-p' } }), false);
});

/** Replaces apt-get, which would change the machine. Knows no package before an update, and adds a program after it. */
const APT_GET = `#!/bin/sh
echo "$@" >> "$APT_FOLDER/calls"
case "$*" in
  *update*) touch "$APT_FOLDER/lists"; exit ;;
esac
[ -e "$APT_FOLDER/lists" ] || exit 100
case "$*" in
  --assume-no*)
    echo 'Need to get 1,234 kB of archives.'
    echo 'After this operation, 5,678 kB of additional disk space will be used.'
    exit 1 ;;
esac
cp /bin/true "$APT_FOLDER/frobnicate"
`;

/** Options that make apt-get wait for another one to finish. */
const WAITING = '-q -o DPkg::Lock::Timeout=300';

test('as root, missing programs are installed, and the package lists are fetched only where they are missing', async () => {
  await using directory = await createTemporaryDirectory();
  const { status, stderr, calls } = installFrobnicate(directory.path, 0);
  assert.equal(status, 0, stderr);
  assert.deepEqual(calls, [
    '--assume-no install --no-install-recommends frobnicator',
    `${WAITING} update`,
    '--assume-no install --no-install-recommends frobnicator',
    `${WAITING} -y install --no-install-recommends frobnicator`,
  ]);
  assert.match(stderr, /\(1,234 kB to download, 5,678 kB on disk\): frobnicator/);
  assert.equal(installFrobnicate(directory.path, 0).calls.length, calls.length, 'the second time it does nothing');
});

test('as another user, nothing is run, and the error has the command', async () => {
  await using directory = await createTemporaryDirectory();
  const { status, stderr, calls } = installFrobnicate(directory.path, 1000);
  assert.equal(status, 1);
  assert.match(stderr, /sudo apt-get install --no-install-recommends frobnicator\n/);
  assert.doesNotMatch(stderr, / at /);
  assert.deepEqual(calls, []);
});

interface Installation {
  readonly status: number | null;
  readonly stderr: string;
  readonly calls: readonly string[];
}

/** Installs a program in a process that believes to be of this user, with `folder` first in PATH. */
function installFrobnicate(folder: string, userId: number): Installation {
  writeFileSync(join(folder, 'apt-get'), APT_GET);
  chmodSync(join(folder, 'apt-get'), 0o755);
  const script = `
    import { installPrograms, runScript } from ${JSON.stringify(PREPARE)};
    process.getuid = () => ${userId};
    await runScript(() => installPrograms(['frobnicate'], { frobnicate: 'frobnicator' }));
  `;
  const env = { PATH: `${folder}:/usr/bin:/bin`, APT_FOLDER: folder };
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    env,
    encoding: 'utf8',
  });
  const log = join(folder, 'calls');
  const calls = existsSync(log) ? readFileSync(log, 'utf8') : '';
  return { status, stderr, calls: calls.split('\n').filter((line) => line !== '') };
}
