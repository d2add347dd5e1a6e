import { dirname } from 'node:path';
import { type FileSystem, isErrno, toFileError } from './file-system.ts';

/** @throws {Dns4torError} ERR_SYSTEM_FILE */
export async function makeDirectory(fs: FileSystem, path: string, mode: number): Promise<void> {
  await fs.makeDirectory(path, mode).catch((error: unknown) => {
    throw toFileError(path, error);
  });
}

/** Makes a directory for everybody to read, and those around it that are not there. @throws {Dns4torError} ERR_SYSTEM_FILE */
export async function makeDirectories(fs: FileSystem, path: string): Promise<void> {
  if ((await fs.inspect(path)) !== undefined) return;
  await makeDirectories(fs, dirname(path));
  await makeDirectory(fs, path, 0o755);
}

/** Leaves one with something in it. @throws {Dns4torError} ERR_SYSTEM_FILE */
export async function removeIfEmpty(fs: FileSystem, path: string): Promise<void> {
  await fs.removeDirectory(path).catch((error: unknown) => {
    // rmdir(2): either of the last two for a directory with something in it.
    if (!isErrno(error, 'ENOENT', 'ENOTEMPTY', 'EEXIST')) throw toFileError(path, error);
  });
}
