import { dirname } from 'node:path';
import { Dns4torError } from '../../failures/errors.ts';
import { findUntrustedIn } from '../../lib/path-trust.ts';
import type { Command } from '../command.ts';
import type { Target } from '../machine.ts';
import { RESOLVED_DROP_IN } from '../managers/resolved.ts';
import { type FileState, readState, removeTemporary, writeState } from './file-state.ts';
import { type FileSystem, makeDirectories, makeDirectory, removeIfEmpty } from './file-system.ts';
import { type Phase, removeNotice, writeNotice } from './notice.ts';
import type { FileChange } from './plan.ts';

/** Everything needed to restore the machine. Written before the first change, and removed after the last one. */
export interface Journal {
  readonly phase: Phase;
  readonly target: Target;
  readonly changes: readonly FileChange[];
  /** Directories that were created, outer ones first. */
  readonly directories: readonly string[];
  /** Commands that make the managers read the restored files. */
  readonly restore: readonly Command[];
  /**
   * When an unconfirmed installation is rolled back or a pause ends, in milliseconds since 1970. Wall-clock time, so
   * that it survives a reboot.
   */
  readonly untilEpochMs?: number;
}

/**
 * Not the daemon's state directory: systemd gives that to the daemon's user, who could then choose the files that root
 * restores.
 */
const PATH = '/var/lib/dns4tor-install/journal.json';

const VERSION = 1;

/** The journal holds copies of files, some of which may be secret. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

/** The journal's directory. Other users see only that it exists. */
export const JOURNAL_DIRECTORY: string = dirname(PATH);

const PAUSE_PHASES: ReadonlySet<Phase> = new Set(['pausing', 'paused', 'resuming']);

/** Whether the journal is that of a pause, including one whose beginning or end was interrupted. */
export function isPause({ phase }: Pick<Journal, 'phase'>): boolean {
  return PAUSE_PHASES.has(phase);
}

/**
 * Reads the journal. Undefined if dns4tor is not installed.
 *
 * @throws {Dns4torError} ERR_SYSTEM_JOURNAL it cannot be parsed; ERR_SYSTEM_FILE it cannot be read, as by any user but
 *   root; ERR_UNTRUSTED_PATH another user could have written it
 */
export async function readJournal(fs: FileSystem): Promise<Journal | undefined> {
  const state = await readState(fs, PATH);
  if (state.kind !== 'file') return undefined;
  // Root restores whatever files the journal names.
  await refuseUntrustedJournal(fs);
  try {
    const stored = JSON.parse(Buffer.from(state.bytes).toString()) as { readonly version: number } & Journal;
    if (stored.version !== VERSION) throw new Error(`version ${String(stored.version)}`);
    const { version: _, ...journal } = stored;
    return { ...journal, changes: journal.changes.map((change) => mapStates(change, decodeBytes)) };
  } catch (error) {
    throw new Dns4torError('ERR_SYSTEM_JOURNAL', PATH, error);
  }
}

/**
 * Writes the journal, then its notice for other users. The owner of both is that of the directory: root, except in
 * tests.
 *
 * @throws {Dns4torError} ERR_SYSTEM_FILE; ERR_UNTRUSTED_PATH, before the directory is created
 */
export async function writeJournal(fs: FileSystem, journal: Journal): Promise<void> {
  const directory = JOURNAL_DIRECTORY;
  if ((await fs.inspect(directory)) === undefined) {
    await refuseUntrustedJournal(fs);
    await makeDirectories(fs, dirname(directory));
    await makeDirectory(fs, directory, DIRECTORY_MODE);
    await fs.sync(dirname(directory));
  }
  const { uid = 0, gid = 0 } = (await fs.inspect(directory)) ?? {};
  const stored = {
    version: VERSION,
    ...journal,
    changes: journal.changes.map((change) => mapStates(change, encodeBytes)),
  };
  const bytes = Buffer.from(`${JSON.stringify(stored, null, 1)}\n`);
  await writeState(fs, PATH, { kind: 'file', bytes, mode: FILE_MODE, uid, gid });
  const { phase, target } = journal;
  const usesResolved = journal.changes.some(({ path }) => path === RESOLVED_DROP_IN);
  await writeNotice(fs, { phase, target, usesResolved }, { uid, gid });
}

/**
 * Refuses to use the journal's path if another user could put a journal there.
 *
 * @throws {Dns4torError} ERR_UNTRUSTED_PATH
 */
export async function refuseUntrustedJournal(fs: FileSystem): Promise<void> {
  const untrusted = await findUntrustedIn(fs, PATH);
  if (untrusted !== undefined) throw new Dns4torError('ERR_UNTRUSTED_PATH', untrusted);
}

/** Removes the notice and then the journal, if there are any. @throws {Dns4torError} ERR_SYSTEM_FILE */
export async function removeJournal(fs: FileSystem): Promise<void> {
  await removeNotice(fs);
  const directory = JOURNAL_DIRECTORY;
  if ((await fs.inspect(directory)) === undefined) return;
  await removeTemporary(fs, PATH);
  if ((await fs.inspect(PATH)) !== undefined) await writeState(fs, PATH, { kind: 'absent' });
  await removeIfEmpty(fs, directory);
}

/** A file state with its bytes in base64, since JSON has no byte strings. */
type Encoded = Exclude<FileState, { kind: 'file' }> | { readonly kind: 'file'; readonly bytes: string };

function mapStates<T>(change: FileChange, map: (state: FileState) => T): { path: string; before: T; after: T } {
  return { path: change.path, before: map(change.before), after: map(change.after) };
}

function encodeBytes(state: FileState): Encoded {
  return state.kind === 'file' ? { ...state, bytes: Buffer.from(state.bytes).toString('base64') } : state;
}

function decodeBytes(state: FileState): FileState {
  return state.kind === 'file' ? { ...state, bytes: Buffer.from(String(state.bytes), 'base64') } : state;
}
