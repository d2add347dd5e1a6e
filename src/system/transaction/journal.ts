import { dirname } from 'node:path';
import { Dns4torError } from '../../failures/errors.ts';
import { findUntrustedIn } from '../../lib/path-trust.ts';
import type { Command } from '../command.ts';
import { makeDirectories, makeDirectory, removeIfEmpty } from './directories.ts';
import type { FileSystem } from './file-system.ts';
import { type FileState, readState, removeTemporary, writeState } from './file-state.ts';
import type { FileChange } from './plan.ts';
import type { Target } from '../target.ts';

/**
 * How far it has come. `applying`, `restoring`, `pausing` and `resuming` are seen only while it is under way, or after it was cut off: then
 * some of the files are as they were, some as they are to be.
 */
export type Phase = 'applying' | 'unconfirmed' | 'installed' | 'restoring' | 'pausing' | 'paused' | 'resuming';

/** All that it takes to put everything back. Written before the first change, and taken away after the last. */
export interface Journal {
  readonly phase: Phase;
  readonly target: Target;
  readonly changes: readonly FileChange[];
  /** Directories that were made, the outer ones first. */
  readonly directories: readonly string[];
  readonly restore: readonly Command[];
  /** When what is unconfirmed is taken back, or a pause ends: milliseconds since 1970, so that it holds across a restart of the machine. */
  readonly untilEpochMs?: number;
}

/** Of its own, and not the state directory of the daemon: systemd gives that to the daemon's user, who could then write what root puts back. */
const PATH = '/var/lib/dns4tor-install/journal.json';

const VERSION = 1;

/** It holds copies of files, some of which may not be for everybody. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

/**
 * Undefined where dns4tor is not installed.
 *
 * @throws {Dns4torError} ERR_SYSTEM_JOURNAL it cannot be parsed; ERR_SYSTEM_FILE it cannot be read, as by any user but
 *   root; ERR_UNTRUSTED_PATH another user could have written it
 */
export async function readJournal(fs: FileSystem): Promise<Journal | undefined> {
  const state = await readState(fs, PATH);
  if (state.kind !== 'file') return undefined;
  // Root restores whatever files it names.
  await refuseUntrustedJournal(fs);
  try {
    const stored = JSON.parse(Buffer.from(state.bytes).toString()) as { readonly version: number } & Journal;
    if (stored.version !== VERSION) throw new Error(`version ${String(stored.version)}`);
    const { version: _, ...journal } = stored;
    return { ...journal, changes: journal.changes.map((change) => mapStates(change, reviveBytes)) };
  } catch (error) {
    throw new Dns4torError('ERR_SYSTEM_JOURNAL', PATH, error);
  }
}

/**
 * Writes the journal, owned by the owner of the file system (root, except in tests).
 *
 * @throws {Dns4torError} ERR_SYSTEM_FILE; ERR_UNTRUSTED_PATH, before its folder is made
 */
export async function writeJournal(fs: FileSystem, journal: Journal): Promise<void> {
  const folder = dirname(PATH);
  if ((await fs.inspect(folder)) === undefined) {
    await refuseUntrustedJournal(fs);
    await makeDirectories(fs, dirname(folder));
    await makeDirectory(fs, folder, DIRECTORY_MODE);
    await fs.sync(dirname(folder));
  }
  const { uid = 0, gid = 0 } = (await fs.inspect(folder)) ?? {};
  const stored = {
    version: VERSION,
    ...journal,
    changes: journal.changes.map((change) => mapStates(change, packBytes)),
  };
  const bytes = Buffer.from(`${JSON.stringify(stored, null, 1)}\n`);
  await writeState(fs, PATH, { kind: 'file', bytes, mode: FILE_MODE, uid, gid });
}

/**
 * Refuses the journal's place if another user could put a journal there.
 *
 * @throws {Dns4torError} ERR_UNTRUSTED_PATH
 */
export async function refuseUntrustedJournal(fs: FileSystem): Promise<void> {
  const untrusted = await findUntrustedIn(fs, PATH);
  if (untrusted !== undefined) throw new Dns4torError('ERR_UNTRUSTED_PATH', untrusted);
}

/** Harmless where there is none. @throws {Dns4torError} ERR_SYSTEM_FILE */
export async function removeJournal(fs: FileSystem): Promise<void> {
  const folder = dirname(PATH);
  if ((await fs.inspect(folder)) === undefined) return;
  await removeTemporary(fs, PATH);
  if ((await fs.inspect(PATH)) !== undefined) await writeState(fs, PATH, { kind: 'absent' });
  await removeIfEmpty(fs, folder);
}

/** JSON has no bytes. */
type Packed = Exclude<FileState, { kind: 'file' }> | { readonly kind: 'file'; readonly bytes: string };

function mapStates<T>(change: FileChange, map: (state: FileState) => T): { path: string; before: T; after: T } {
  return { path: change.path, before: map(change.before), after: map(change.after) };
}

function packBytes(state: FileState): Packed {
  return state.kind === 'file' ? { ...state, bytes: Buffer.from(state.bytes).toString('base64') } : state;
}

function reviveBytes(state: FileState): FileState {
  return state.kind === 'file' ? { ...state, bytes: Buffer.from(String(state.bytes), 'base64') } : state;
}
