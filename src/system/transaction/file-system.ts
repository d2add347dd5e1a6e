import { lstat, mkdir, open, readdir, readFile, readlink, rename, rmdir, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Dns4torError } from '../../failures/errors.ts';

/** Who may do what with a file. */
export interface Attributes {
  /** Permission bits, those for set-user-ID and the like included. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface Entry extends Attributes {
  readonly kind: 'file' | 'symlink' | 'directory' | 'other';
}

/**
 * What this folder needs of a file system; it changes a machine through nothing else. Paths are absolute, and no operation follows a symbolic
 * link in their last part. What fails rejects with the operating system's error, whose `code` tells why.
 */
export interface FileSystem {
  /** Undefined where there is nothing. */
  inspect(path: string): Promise<Entry | undefined>;
  read(path: string): Promise<Uint8Array>;
  readLink(path: string): Promise<string>;
  /** The names in a directory. */
  list(path: string): Promise<readonly string[]>;
  /** Rejects with EEXIST where there is something. The bytes are on the disk when it resolves. */
  create(path: string, bytes: Uint8Array, attributes: Attributes): Promise<void>;
  /** Empties a file and writes it anew, for those that cannot be replaced. The bytes are on the disk when it resolves. */
  overwrite(path: string, bytes: Uint8Array): Promise<void>;
  link(path: string, target: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  makeDirectory(path: string, mode: number): Promise<void>;
  removeDirectory(path: string): Promise<void>;
  /** Brings what was created, renamed and removed in a directory to the disk. */
  sync(directory: string): Promise<void>;
}

/** Permission bits of st_mode (inode(7)). */
const PERMISSIONS = 0o7777;

/** The machine's own files, or those below `root`, as if it were `/`. */
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
      // Nobody else may open it before it has its owner; and a change of owner clears set-user-ID bits (chown(2)).
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

/** Whether the operating system failed for one of these reasons. */
export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

/** What went wrong with a file, for a person. What is of ours already stays as it is. */
export function toFileError(path: string, error: unknown): Dns4torError {
  if (error instanceof Dns4torError) return error;
  const reason = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
  return new Dns4torError('ERR_SYSTEM_FILE', `${path}${reason}`, error);
}
