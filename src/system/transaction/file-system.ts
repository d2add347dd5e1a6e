import { lstat, mkdir, open, readdir, readFile, readlink, rename, rmdir, symlink, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Dns4torError } from '../../failures/errors.ts';

/** Owner and permissions of a file. */
export interface Attributes {
  /** Permission bits, including set-user-ID, set-group-ID and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

interface Entry extends Attributes {
  readonly kind: 'file' | 'symlink' | 'directory' | 'other';
}

/**
 * The only way in which src/system changes files. Paths are absolute. A symbolic link in the last part of a path is not
 * followed, except by `read`, `list`, `overwrite` and `sync`. Rejections are the operating system's errors, with its
 * `code`.
 */
export interface FileSystem {
  /** Undefined if the path does not exist. */
  inspect(path: string): Promise<Entry | undefined>;
  read(path: string): Promise<Uint8Array>;
  readLink(path: string): Promise<string>;
  /** Returns the names in a directory. */
  list(path: string): Promise<readonly string[]>;
  /** Creates a file durably. Rejects with EEXIST if the path exists. */
  create(path: string, bytes: Uint8Array, attributes: Attributes): Promise<void>;
  /** Truncates a file and writes it durably, for files that cannot be replaced. */
  overwrite(path: string, bytes: Uint8Array): Promise<void>;
  /** Creates a symbolic link. */
  link(path: string, target: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  makeDirectory(path: string, mode: number): Promise<void>;
  removeDirectory(path: string): Promise<void>;
  /** Makes creations, renames and removals in a directory durable. */
  sync(directory: string): Promise<void>;
}

/** Permission bits of st_mode (inode(7)). */
const PERMISSIONS = 0o7777;

/** The machine's own file system, or the one below `root` as if that were `/`. */
export function createFileSystem(root: string = '/'): FileSystem {
  const at = (path: string): string => join(root, path);
  return {
    async inspect(path) {
      const stats = await lstat(at(path)).catch(undefinedIfMissing);
      if (stats === undefined) return undefined;
      const kinds = { symlink: stats.isSymbolicLink(), file: stats.isFile(), directory: stats.isDirectory() };
      const kind = (['symlink', 'file', 'directory'] as const).find((name) => kinds[name]) ?? 'other';
      return { kind, mode: stats.mode & PERMISSIONS, uid: stats.uid, gid: stats.gid };
    },
    read: (path) => readFile(at(path)),
    readLink: (path) => readlink(at(path)),
    list: (path) => readdir(at(path)),
    async create(path, bytes, { mode, uid, gid }) {
      // Mode 0600 until the owner is right. The mode comes last, since a change of owner clears set-user-ID (chown(2)).
      await using file = await open(at(path), 'wx', 0o600);
      await file.writeFile(bytes);
      await file.chown(uid, gid);
      await file.chmod(mode);
      await file.sync();
    },
    async overwrite(path, bytes) {
      await using file = await open(at(path), 'w');
      await file.writeFile(bytes);
      await file.sync();
    },
    link: (path, target) => symlink(target, at(path)),
    rename: (from, to) => rename(at(from), at(to)),
    remove: (path) => unlink(at(path)),
    makeDirectory: (path, mode) => mkdir(at(path), { mode }).then(() => {}),
    removeDirectory: (path) => rmdir(at(path)),
    async sync(directory) {
      await using handle = await open(at(directory), 'r');
      await handle.sync();
    },
  };
}

function undefinedIfMissing(error: unknown): undefined {
  if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
}

/** The number of symbolic links that the kernel follows (path_resolution(7)). */
const MAX_LINKS = 40;

/**
 * Follows symbolic links in the last part of `path`, within the given file system. The final path need not exist.
 * Undefined for a loop.
 */
export async function followLinks(fs: FileSystem, path: string): Promise<string | undefined> {
  let current = path;
  for (let links = 0; links <= MAX_LINKS; links++) {
    if ((await fs.inspect(current))?.kind !== 'symlink') return current;
    current = resolve(dirname(current), await fs.readLink(current));
  }
  return undefined;
}

/** @throws {Dns4torError} ERR_SYSTEM_FILE */
export async function makeDirectory(fs: FileSystem, path: string, mode: number): Promise<void> {
  await fs.makeDirectory(path, mode).catch((error: unknown) => {
    throw toFileError(path, error);
  });
}

/** Creates a world-readable directory, and its missing parents. @throws {Dns4torError} ERR_SYSTEM_FILE */
export async function makeDirectories(fs: FileSystem, path: string): Promise<void> {
  if ((await fs.inspect(path)) !== undefined) return;
  await makeDirectories(fs, dirname(path));
  await makeDirectory(fs, path, 0o755);
}

/** Removes a directory, unless something is in it. @throws {Dns4torError} ERR_SYSTEM_FILE */
export async function removeIfEmpty(fs: FileSystem, path: string): Promise<void> {
  await fs.removeDirectory(path).catch((error: unknown) => {
    // rmdir(2): ENOTEMPTY or EEXIST for a directory that is not empty.
    if (!isErrno(error, 'ENOENT', 'ENOTEMPTY', 'EEXIST')) throw toFileError(path, error);
  });
}

/** Whether the error is the operating system's, with one of these codes. */
export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

/** Wraps an operating system's error about a file. Errors of dns4tor pass unchanged. */
export function toFileError(path: string, error: unknown): Dns4torError {
  if (error instanceof Dns4torError) return error;
  const reason = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
  return new Dns4torError('ERR_SYSTEM_FILE', `${path}${reason}`, error);
}
