import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Path of the checkout. */
export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));

export function inCheckout(...parts: readonly string[]): string {
  return join(ROOT, ...parts);
}

/** Reads a JSON file of the checkout. Its shape is not checked. */
export async function readJson<T>(...parts: readonly string[]): Promise<T> {
  return JSON.parse(await readFile(inCheckout(...parts), 'utf8')) as T;
}

/** Lists the matching files of a directory of the checkout, sorted and relative to that directory. */
export function filesOf(folder: string, pattern: string): readonly string[] {
  return globSync(pattern, { cwd: inCheckout(folder) }).toSorted();
}
