import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import process from 'node:process';

const WRITABLE_BY_OTHERS = 0o022;
/** In such a folder, as /tmp, only the owner of a file replaces it. */
const STICKY = 0o1000;

/**
 * The nearest folder above `path` in which somebody other than root and the user of this process could put something else in the place of what
 * is there; undefined where there is none.
 * @throws Error where a folder cannot be looked at
 */
export async function replaceableAt(path: string): Promise<string | undefined> {
  // In a user namespace the root of the machine may have another number.
  const trusted: readonly (number | undefined)[] = [0, process.geteuid?.(), (await stat('/')).uid];
  let folder = await realpath(dirname(path));
  for (;;) {
    const { mode, uid } = await stat(folder);
    if (!trusted.includes(uid) || ((mode & WRITABLE_BY_OTHERS) !== 0 && (mode & STICKY) === 0)) return folder;
    if (folder === '/') return undefined;
    folder = dirname(folder);
  }
}
