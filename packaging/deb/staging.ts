import { chmod, lstat, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { constants, gzipSync } from 'node:zlib';

const DIRECTORY_MODE = 0o755;

export const FILE_MODE = 0o644;
export const PROGRAM_MODE = 0o755;

/**
 * The directory tree of a package. Paths are those on the machine, without the leading slash. Modes do not depend on
 * the umask.
 */
export interface Staging {
  readonly root: string;
  write(path: string, content: string | Uint8Array, mode?: number): Promise<void>;
  /** Writes a compressed file without a time stamp: documentation and manual pages (Debian Policy §12.3, §12.7). */
  writeGzipped(path: string, content: string): Promise<void>;
  /** Creates the parent directory of a path for a program that writes the file. Returns the real path. */
  place(path: string): Promise<string>;
}

export function createStaging(root: string): Staging {
  const place = async (path: string): Promise<string> => {
    const target = join(root, path);
    await makeFolders(root, dirname(path));
    return target;
  };
  const write = async (path: string, content: string | Uint8Array, mode: number = FILE_MODE): Promise<void> => {
    const target = await place(path);
    await writeFile(target, content);
    await chmod(target, mode);
  };
  return {
    root,
    place,
    write,
    writeGzipped: (path, content) => write(path, gzipSync(content, { level: constants.Z_BEST_COMPRESSION })),
  };
}

/** A file or directory of the tree. */
export interface StagedEntry {
  /** Relative to the root. */
  readonly path: string;
  readonly isFile: boolean;
  readonly bytes: number;
}

/** Lists the whole tree, sorted by path. */
export async function listEntries(root: string): Promise<readonly StagedEntry[]> {
  const paths = (await readdir(root, { recursive: true })).toSorted();
  return Promise.all(
    paths.map(async (path) => {
      const stats = await lstat(join(root, path));
      return { path, isFile: stats.isFile(), bytes: stats.size };
    }),
  );
}

export function readStaged(root: string, path: string): Promise<Buffer> {
  return readFile(join(root, path));
}

async function makeFolders(root: string, folder: string): Promise<void> {
  // The root, too: dpkg applies its mode to `/`.
  if (folder !== '.') await makeFolders(root, dirname(folder));
  const target = join(root, folder);
  await mkdir(target, { recursive: true });
  await chmod(target, DIRECTORY_MODE);
}
