import { glob } from 'node:fs/promises';
import process from 'node:process';

/** Installs the Debian package in a chroot, which only root can make. */
export const NEEDS_ROOT = 'test/packaging/installation.test.ts';

/** All test files that this user can run, sorted. */
export async function allTestFiles(root: string): Promise<string[]> {
  const files = await filesMatching(root, ['bench/**/*.test.ts', 'test/**/*.test.ts']);
  return files.filter((file) => file !== NEEDS_ROOT || isRoot()).toSorted((a, b) => (a < b ? -1 : 1));
}

/** The files that paths and patterns name, each once. Throws for one that names no file. */
export async function namedTestFiles(root: string, patterns: readonly string[]): Promise<string[]> {
  const files = new Set<string>();
  for (const pattern of patterns) {
    const matching = await filesMatching(root, [pattern]);
    if (matching.length === 0) throw new Error(`no test file matches ${pattern}`);
    for (const file of matching) files.add(file);
  }
  return [...files];
}

async function filesMatching(root: string, patterns: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for await (const file of glob(patterns, { cwd: root })) files.push(file);
  return files;
}

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}
