import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';

type Packages = Readonly<Record<string, { readonly integrity?: string; readonly optional?: boolean }>>;
interface Prepare {
  readonly isInstalled: (wanted: Packages, installed: Packages | undefined) => boolean;
}

// Plain JavaScript without declarations: a name that the compiler does not see keeps it from asking for them.
const PREPARE = new URL('../../scripts/prepare.js', import.meta.url).href;
const { isInstalled }: Prepare = await import(PREPARE);

const WANTED: Packages = {
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

/** Stands for apt-get, which would change the machine: knows no package before an update, and brings a program after it. */
const APT_GET = `#!/bin/sh
echo "$@" >> "$APT_FOLDER/calls"
case "$*" in
  *update*) touch "$APT_FOLDER/lists" ;;
  *) [ -e "$APT_FOLDER/lists" ] && cp /bin/true "$APT_FOLDER/frobnicate" ;;
esac
`;

/** With these it waits for another that is at work. */
const WAITING = '-q -o DPkg::Lock::Timeout=300';

test('as root, missing programs are installed, with the lists fetched only when that is needed, and once', async () => {
  await using directory = await createTemporaryDirectory();
  const { status, calls } = installFrobnicate(directory.path, 0);
  assert.equal(status, 0);
  assert.deepEqual(calls, [
    `${WAITING} install -y --no-install-recommends frobnicator`,
    `${WAITING} update`,
    `${WAITING} install -y --no-install-recommends frobnicator`,
  ]);
  assert.equal(installFrobnicate(directory.path, 0).calls.length, calls.length);
});

test('as another user, the command to run is said, and nothing is run', async () => {
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

/** Has a process that takes itself for the user's install a program whose PATH is `folder`. */
function installFrobnicate(folder: string, userId: number): Installation {
  writeFileSync(join(folder, 'apt-get'), APT_GET);
  chmodSync(join(folder, 'apt-get'), 0o755);
  const script = `
    import { installPrograms, runScript } from ${JSON.stringify(PREPARE)};
    process.getuid = () => ${userId};
    await runScript(() => installPrograms({ frobnicate: 'frobnicator' }));
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
