import { basename, dirname, join } from 'node:path';
import { Dns4torError } from '../../failures/errors.ts';
import { type Attributes, type FileSystem, isErrno, toFileError } from './file-system.ts';

/** Everything about a path that is put back when dns4tor is taken away. */
export type FileState =
  | { readonly kind: 'absent' }
  | ({ readonly kind: 'file'; readonly bytes: Uint8Array } & Attributes)
  | { readonly kind: 'symlink'; readonly target: string };

/** @throws {Dns4torError} ERR_SYSTEM_FILE for what is neither a file nor a symbolic link, and for what cannot be read */
export async function readState(fs: FileSystem, path: string): Promise<FileState> {
  try {
    const entry = await fs.inspect(path);
    if (entry === undefined) return { kind: 'absent' };
    if (entry.kind === 'symlink') return { kind: 'symlink', target: await fs.readLink(path) };
    if (entry.kind !== 'file') throw new Dns4torError('ERR_SYSTEM_FILE', `${path} is not a file`);
    const { mode, uid, gid } = entry;
    return { kind: 'file', bytes: await fs.read(path), mode, uid, gid };
  } catch (error) {
    throw toFileError(path, error);
  }
}

/** Whether both hold the same, whoever may read it. */
export function sameContent(a: FileState, b: FileState): boolean {
  if (a.kind === 'file') return b.kind === 'file' && Buffer.compare(a.bytes, b.bytes) === 0;
  if (a.kind === 'symlink') return b.kind === 'symlink' && a.target === b.target;
  return b.kind === 'absent';
}

/** Whether nothing tells them apart. */
export function sameState(a: FileState, b: FileState): boolean {
  if (!sameContent(a, b)) return false;
  return a.kind !== 'file' || b.kind !== 'file' || (a.mode === b.mode && a.uid === b.uid && a.gid === b.gid);
}

/** Whether `found` is what is left of `whole` when it was not written to its end. */
export function isTorn(found: FileState, whole: FileState): boolean {
  if (found.kind !== 'file' || whole.kind !== 'file') return false;
  return Buffer.compare(found.bytes, whole.bytes.subarray(0, found.bytes.length)) === 0;
}

/**
 * Makes `path` be `state`: wholly or not at all, and on the disk when it resolves. A file that something is mounted on, as container engines
 * do with resolv.conf, cannot be replaced and is overwritten instead; there a power cut can leave a part of it.
 *
 * @throws {Dns4torError} ERR_SYSTEM_FILE
 */
export async function writeState(fs: FileSystem, path: string, state: FileState): Promise<void> {
  try {
    await removeTemporary(fs, path);
    if (state.kind === 'absent') await fs.remove(path);
    else await replace(fs, path, state);
    await fs.sync(dirname(path));
  } catch (error) {
    throw toFileError(path, error);
  }
}

async function replace(fs: FileSystem, path: string, state: Exclude<FileState, { kind: 'absent' }>): Promise<void> {
  const temporary = temporaryPath(path);
  if (state.kind === 'symlink') await fs.link(temporary, state.target);
  else await fs.create(temporary, state.bytes, state);
  try {
    await fs.rename(temporary, path);
  } catch (error) {
    await fs.remove(temporary);
    // rename(2): EBUSY where the path is a mount point.
    if (state.kind !== 'file' || !isErrno(error, 'EBUSY')) throw error;
    await fs.overwrite(path, state.bytes);
  }
}

/** The command before which a copy was made, as in the copy's name. */
export type KeptBefore = 'before-install' | 'before-uninstall';

/**
 * Where to keep a copy of a file's version that somebody else wrote and that is about to be replaced: at `path.word`,
 * or `path.word-2` and so on where that name is taken. Programs that read folders of configuration ignore such names.
 *
 * @returns the change that makes the copy; `before` equals `after` where the same copy exists already
 * @throws {Dns4torError} ERR_SYSTEM_FILE
 */
export async function keptBeside(
  fs: FileSystem,
  path: string,
  version: FileState,
  word: KeptBefore,
): Promise<{ readonly path: string; readonly before: FileState; readonly after: FileState }> {
  for (let nth = 1; ; nth++) {
    const name = nth === 1 ? `${path}.${word}` : `${path}.${word}-${nth}`;
    const before = await readState(fs, name);
    if (before.kind === 'absent' || sameState(before, version)) return { path: name, before, after: version };
  }
}

/** Takes away what a write that did not come to its end has left beside `path`. @throws {Dns4torError} ERR_SYSTEM_FILE */
export async function removeTemporary(fs: FileSystem, path: string): Promise<void> {
  const temporary = temporaryPath(path);
  try {
    if ((await fs.inspect(temporary)) !== undefined) await fs.remove(temporary);
  } catch (error) {
    throw toFileError(path, error);
  }
}

/** Always the same, so that the next write finds it. Folders of configuration ignore names that begin with a dot and end like this. */
function temporaryPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.dns4tor-new`);
}
