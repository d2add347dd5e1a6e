import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemRandom } from '../../src/lib/random.ts';
import type { ConfinedDaemon } from './confined-daemon.ts';

/** Creates a label that occurs only in queries to the daemon. Its letters are adjacent in messages and in text. */
export function createCanary(): string {
  return `canary${Buffer.from(systemRandom.bytes(6)).toString('hex')}`;
}

/** Asserts that no page of the daemon contains the label. */
export async function assertServesNoTrace(canary: string, daemon: ConfinedDaemon): Promise<void> {
  for (const path of ['/metrics', '/ready', '/healthcheck', '/api/status']) {
    assertLacks((await daemon.page(path)).body, canary);
  }
}

/**
 * Asserts that neither the daemon's debug log nor a file contains the label, and that the daemon left nothing on disk,
 * not even a core dump. The daemon may have ended.
 *
 * @param kept what it keeps in its directory. @default nothing
 */
export async function assertLeavesNoTrace(
  canary: string,
  daemon: ConfinedDaemon,
  kept: readonly string[] = [],
): Promise<void> {
  assert.match(daemon.log, /\bDBG\b/, 'the log is not that at debug');
  assertLacks(daemon.log, canary);
  assert.deepEqual(await findIn(daemon.directory, canary), [], 'a file holds a name that was asked for');
  assert.deepEqual(await readdir(daemon.directory), kept, 'the daemon has left files');
}

export function assertLacks(text: string, canary: string): void {
  const line = text.split('\n').find((candidate) => candidate.toLowerCase().includes(canary));
  assert.equal(line, undefined, 'a name that was asked for is in what the daemon says');
}

/** The files below a directory that contain the label. */
export async function findIn(directory: string, canary: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const contents = await Promise.all(files.map((path) => readFile(path, 'latin1')));
  return files.filter((_, index) => contents[index]?.toLowerCase().includes(canary));
}
