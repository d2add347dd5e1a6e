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
  assertLacks(await pagesOf(daemon), canary);
}

/** The pages of the daemon, in one text. */
export async function pagesOf(daemon: ConfinedDaemon): Promise<string> {
  const paths = ['/metrics', '/ready', '/healthcheck', '/api/status'];
  const pages = await Promise.all(paths.map((path) => daemon.page(path)));
  return pages.map(({ body }) => body).join('\n');
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
  const forms = formsOf(canary);
  // A printed Uint8Array takes several lines.
  const found = [...text.split('\n'), text].find((candidate) => holds(candidate, forms));
  assert.equal(found, undefined, 'a name that was asked for is in what the daemon says');
}

/** The files below a directory that contain the label. */
export async function findIn(directory: string, canary: string): Promise<string[]> {
  const forms = formsOf(canary);
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const contents = await Promise.all(files.map((path) => readFile(path, 'latin1')));
  return files.filter((_, index) => holds(contents[index] ?? '', forms));
}

function holds(text: string, forms: readonly string[]): boolean {
  const compact = text.replaceAll(/\s/g, '').toLowerCase();
  return forms.some((form) => compact.includes(form));
}

/**
 * The forms in which octets may appear in a text, in lower case and without white space: as they are, in base64 at any
 * alignment (the URL of a GET request for DoH), in hexadecimal, and as Node prints a Buffer or a Uint8Array.
 */
function formsOf(text: string): readonly string[] {
  const octets = Buffer.from(text, 'latin1');
  // At both ends, characters that depend on the neighbouring octets are left out.
  const base64 = [0, 1, 2].map((before) => {
    const aligned = Buffer.concat([Buffer.alloc(before), octets]).toString('base64url');
    return aligned.slice(Math.ceil((before * 4) / 3), Math.floor(((before + octets.length) * 4) / 3));
  });
  // Shorter ones occur by chance.
  const encoded = [...base64, octets.toString('hex'), octets.join(',')].filter(({ length }) => length >= 8);
  return [text, ...encoded].map((form) => form.toLowerCase());
}
