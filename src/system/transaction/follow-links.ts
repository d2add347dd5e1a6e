import { dirname, resolve } from 'node:path';
import type { FileSystem } from './file-system.ts';

/** As many as the kernel follows (path_resolution(7)). */
const MAX_LINKS = 40;

/**
 * The path that symbolic links in the last part of `path` lead to, which need not exist. Followed within the file system that is given, not the
 * machine's. Undefined for a loop.
 */
export async function followLinks(fs: FileSystem, path: string): Promise<string | undefined> {
  let current = path;
  for (let links = 0; links <= MAX_LINKS; links++) {
    if ((await fs.inspect(current))?.kind !== 'symlink') return current;
    current = resolve(dirname(current), await fs.readLink(current));
  }
  return undefined;
}
