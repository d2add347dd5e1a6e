import { basename, dirname, join } from 'node:path';
import { Dns4torError } from '../../failures/errors.ts';
import { type Attributes, type FileSystem, isErrno, toFileError } from './file-system.ts';

/** Everything about a path that `uninstall` restores. */
export type FileState =
  | { readonly kind: 'absent' }
  | ({ readonly kind: 'file'; readonly bytes: Uint8Array } & Attributes)
  | { readonly kind: 'symlink'; readonly target: string };

/** @throws {Dns4torError} ERR_SYSTEM_FILE if the path is neither a file nor a symbolic link, or cannot be read */
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

/** Whether both have the same content. Owner and permissions may differ. */
export function sameContent(a: FileState, b: FileState): boolean {
  if (a.kind === 'file') return b.kind === 'file' && Buffer.compare(a.bytes, b.bytes) === 0;
  if (a.kind === 'symlink') return b.kind === 'symlink' && a.target === b.target;
  return b.kind === 'absent';
}

/** Whether both are identical: content, owner and permissions. */
export function sameState(a: FileState, b: FileState): boolean {
  if (!sameContent(a, b)) return false;
  return a.kind !== 'file' || b.kind !== 'file' || (a.mode === b.mode && a.uid === b.uid && a.gid === b.gid);
}

/** Whether `found` is a torn write of `whole`: its beginning, or nothing. */
export function isTorn(found: FileState, whole: FileState): boolean {
  if (found.kind !== 'file' || whole.kind !== 'file') return false;
  return Buffer.compare(found.bytes, whole.bytes.subarray(0, found.bytes.length)) === 0;
}

/**
 * Writes `state` to `path` atomically and durably. A mount point cannot be replaced, so it is overwritten instead;
 * container engines mount resolv.conf that way. A power cut can leave such a file torn.
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

/** Suffix of a backup's name: the command before which it was made. */
export type BackupSuffix = 'before-install' | 'before-uninstall';

/**
 * Plans the backup of an edited file that is about to be replaced. The copy is `path.suffix`, or `path.suffix-2` and so
 * on if that name is taken. Programs that read configuration directories ignore such names.
 *
 * @returns the change that makes the copy; `before` equals `after` if an identical copy exists already
 * @throws {Dns4torError} ERR_SYSTEM_FILE
 */
export async function backupChange(
  fs: FileSystem,
  path: string,
  version: FileState,
  suffix: BackupSuffix,
): Promise<{ readonly path: string; readonly before: FileState; readonly after: FileState }> {
  for (let nth = 1; ; nth++) {
    const name = nth === 1 ? `${path}.${suffix}` : `${path}.${suffix}-${nth}`;
    const before = await readState(fs, name);
    if (before.kind === 'absent' || sameState(before, version)) return { path: name, before, after: version };
  }
}

/** Removes the temporary file that an interrupted write left beside `path`. @throws {Dns4torError} ERR_SYSTEM_FILE */
export async function removeTemporary(fs: FileSystem, path: string): Promise<void> {
  const temporary = temporaryPath(path);
  try {
    if ((await fs.inspect(temporary)) !== undefined) await fs.remove(temporary);
  } catch (error) {
    throw toFileError(path, error);
  }
}

/**
 * Always the same name, so that the next write finds the file. Programs that read configuration directories ignore such
 * names.
 */
function temporaryPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.dns4tor-new`);
}
