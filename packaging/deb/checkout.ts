import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout that is packaged. */
export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));

export function inCheckout(...parts: readonly string[]): string {
  return join(ROOT, ...parts);
}

/** A JSON file of the checkout, whose shape the caller knows. */
export async function readJson<T>(...parts: readonly string[]): Promise<T> {
  return JSON.parse(await readFile(inCheckout(...parts), 'utf8')) as T;
}

/** The files of a folder of the checkout that match, relative to it and sorted. */
export function filesOf(folder: string, pattern: string): readonly string[] {
  return globSync(pattern, { cwd: inCheckout(folder) }).toSorted();
}
