import { spawnSync } from 'node:child_process';
import { cp, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { MUTATIONS, type Mutation, mutate } from './mutations.ts';
import type { Proof } from './promises.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const COPIED = [
  'bench',
  'bin',
  'docs',
  'packaging',
  'page',
  'scripts',
  'src',
  'systemd',
  'test',
  'package.json',
  'tsconfig.json',
  'README.md',
];
const TEST_TIMEOUT_MS = 180_000;

/**
 * Breaks each promise in a copy of the sources and runs the test that must then fail. First checks that each test
 * passes without a mutation.
 *
 * @param ids of promises; empty for all
 * @returns whether a test caught every mutation
 */
export async function runMutations(ids: readonly string[], say: (line: string) => void): Promise<boolean> {
  await using copy = await createTemporaryDirectory();
  for (const part of COPIED) await cp(join(ROOT, part), join(copy.path, part), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(copy.path, 'node_modules'));
  const mutations = MUTATIONS.filter(({ id }) => ids.length === 0 || ids.includes(id));

  build(copy.path);
  const proofs = new Map(mutations.map(({ proof }) => [`${proof.file} ${proof.test}`, proof]));
  for (const proof of proofs.values()) {
    const failed = failuresOf(copy.path, proof);
    if (failed.length > 0) throw new Error(`fails without a mutation: ${failed.join('; ')}`);
  }

  say('| promise | broken so that dns4tor … | caught by |');
  say('|---|---|---|');
  let allCaught = true;
  for (const mutation of mutations) {
    const failed = await failuresUnder(copy.path, mutation);
    allCaught &&= failed.length > 0;
    const caughtBy = failed.length > 0 ? `${mutation.proof.file}: ${failed.join('; ')}` : '**nothing**';
    say(`| ${mutation.id} | ${mutation.breach} | ${caughtBy} |`);
  }
  return allCaught;
}

async function failuresUnder(root: string, mutation: Mutation): Promise<string[]> {
  const path = join(root, mutation.file);
  const source = await readFile(path, 'utf8');
  await writeFile(path, mutate(source, mutation));
  try {
    build(root);
    return failuresOf(root, mutation.proof);
  } finally {
    await writeFile(path, source);
  }
}

/** Throws for code that does not compile. Otherwise a mistake in a mutation would look like a failing test. */
function build(root: string): void {
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  for (const step of [[tsc], ['scripts/build.js']]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, step, { cwd: root, encoding: 'utf8' });
    if (status !== 0) throw new Error(`the sources do not compile:\n${stdout}${stderr}`);
  }
}

/** The names of the failed tests. Throws if no test has the name. */
function failuresOf(root: string, { file, test }: Proof): string[] {
  const options = ['--test', '--test-reporter=tap', `--test-timeout=${TEST_TIMEOUT_MS}`, `--test-name-pattern=${test}`];
  const { status, stdout } = spawnSync(process.execPath, [...options, file], { cwd: root, encoding: 'utf8' });
  const [, passed] = /^# pass (\d+)$/m.exec(stdout) ?? [];
  // A suite fails with its tests but is not a test.
  const failures = stdout.matchAll(/^ *not ok \d+ - (.*)\n *---\n *duration_ms: .*\n *type: '(\w+)'/gm);
  const failed = [...failures].filter(([, , type]) => type === 'test').map(([, name = '']) => name);
  if (status !== 0 && failed.length === 0) throw new Error(`${file} ended with ${status}:\n${stdout}`);
  if (failed.length === 0 && passed === '0') throw new Error(`no test of ${file} is called: ${test}`);
  return failed;
}
