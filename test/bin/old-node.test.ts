import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { transform } from 'esbuild';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';

/* An old Node must meet a sentence, not a syntax error. */

const ROOT = join(import.meta.dirname, '..', '..');
const CHECK_NODE = join(ROOT, 'scripts/check-node.cjs');

interface Manifest {
  readonly engines: { readonly node: string };
  readonly scripts: Readonly<Record<string, string>>;
}

const { engines, scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as Manifest;

/** Runs the published command with a program in place of Node that prints this version, and `ran` for anything else. */
async function runWith(version: string): Promise<{ status: number | null; stdout: string; stderr: string }> {
  await using folder = await createTemporaryDirectory();
  const node = join(folder.path, 'node');
  await writeFile(
    node,
    `#!/bin/sh\nfor last in "$@"; do :; done\n[ "$last" = --version ] && echo ${version} || echo ran\n`,
  );
  await chmod(node, 0o755);
  const env = { PATH: `${folder.path}:/usr/bin:/bin` };
  return spawnSync(join(ROOT, 'bin/dns4tor'), ['status'], { env, encoding: 'utf8' });
}

for (const version of ['v4.9.1', 'v9.11.2', 'v12.22.9', 'v20.20.2', 'v23.11.1']) {
  test(`the command under Node ${version} ends with one line that names both versions`, async () => {
    const { status, stdout, stderr } = await runWith(version);
    assert.deepEqual([status, stdout], [1, '']);
    assert.match(stderr, /^dns4tor: [^\n]+\n$/);
    assert.ok(stderr.includes(version.slice(1)), stderr);
    assert.ok(stderr.includes(engines.node.replace('>=', '')), stderr);
  });
}

for (const version of ['v24.0.0', 'v100.1.0', 'unknown']) {
  test(`the command under Node ${version} runs`, async () => {
    assert.equal((await runWith(version)).stdout, 'ran\n');
  });
}

/** Whether an engine that knows only the syntax of `target` can parse the file. */
async function isParsable(path: string, target: string): Promise<boolean> {
  const code = await readFile(join(ROOT, path), 'utf8');
  const [lowered, same] = await Promise.all(
    [target, 'esnext'].map((one) => transform(code, { target: one, logLevel: 'silent', minifyWhitespace: true })),
  );
  return lowered?.code === same?.code;
}

test('Node 12 can parse the launcher, and every Node the check of npm scripts', async () => {
  assert.equal(await isParsable('src/launch/dns4tor.js', 'node12.22'), true);
  assert.equal(await isParsable('scripts/check-node.cjs', 'es5'), true);
  assert.equal(
    await isParsable('scripts/prepare.js', 'node12.22').catch(() => false),
    false,
    'the check finds nothing',
  );
});

test('every npm script that runs Node checks its version first', () => {
  const commands = Object.values(scripts).filter((command) => command.startsWith('node '));
  assert.ok(commands.length > 10);
  for (const command of commands) assert.match(command, /^node -r \.\/scripts\/check-node\.cjs \S/);
});

function checkNode(version: string): { status: number | null; stderr: string } {
  const pretend = `Object.defineProperty(process, 'versions', { value: { node: '${version}' } })`;
  const code = `${pretend}; require(${JSON.stringify(CHECK_NODE)})`;
  return spawnSync(process.execPath, ['-e', code], { encoding: 'utf8' });
}

test('npm scripts need Node 18.17', () => {
  for (const version of ['0.12.18', '12.22.9', '16.20.2', '18.16.1']) {
    const { status, stderr } = checkNode(version);
    assert.equal(status, 1, version);
    assert.match(stderr, /^dns4tor: [^\n]+\n$/);
    assert.ok(stderr.includes(version) && stderr.includes('18.17'), stderr);
  }
  for (const version of ['18.17.0', '18.20.8', '20.0.0', '24.1.0']) assert.equal(checkNode(version).status, 0, version);
});

/** What Node 18 lacks. */
const NEWER =
  /\b(?:toSorted|toReversed|toSpliced|groupBy|fromAsync|withResolvers|getBuiltinModule|globSync|styleText|execve)\b|\bimport\.meta\.(?:dirname|filename)\b|\b(?:await )?using \w+ =/;

test('what npm scripts run before they have installed their own Node uses nothing that Node 18 lacks', async () => {
  const files = [...globSync('scripts/*.{js,cjs}', { cwd: ROOT }), 'test/run.js'];
  assert.ok(files.length >= 7);
  for (const file of files) {
    const code = (await readFile(join(ROOT, file), 'utf8')).replaceAll(/^\s*\/\/.*$/gm, '');
    assert.doesNotMatch(code, NEWER, file);
  }
});
