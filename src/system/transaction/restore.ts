import { Dns4torError } from '../../failures/errors.ts';
import { runOrTell } from '../command.ts';
import { removeIfEmpty } from './directories.ts';
import {
  type FileState,
  isTorn,
  type KeptBefore,
  keptBeside,
  readState,
  removeTemporary,
  sameContent,
  sameState,
  writeState,
} from './file-state.ts';
import type { Journal, Phase } from './journal.ts';
import type { Machine } from '../machine.ts';
import { isMarked } from './mark.ts';
import type { FileChange } from './plan.ts';

/** Whose a file's present content is. */
type Holder = 'before' | 'ours' | 'other';

/** The phases in which a write may have been cut off. */
const UNDER_WAY: ReadonlySet<Phase> = new Set(['applying', 'restoring', 'pausing', 'resuming']);

/** Those in which some files may not have been written yet. */
const INCOMPLETE: ReadonlySet<Phase> = new Set(['applying', 'resuming']);

/**
 * Refuses, before anything is put back, where somebody has changed what was written: that was done for a reason, and is nowhere else.
 *
 * @throws {Dns4torError} ERR_SYSTEM_EDITED
 */
export async function refuseEdited({ fs }: Machine, journal: Journal): Promise<void> {
  const edited = await findEdited(fs, journal);
  if (edited.length > 0) throw new Dns4torError('ERR_SYSTEM_EDITED', edited.join(', '));
}

/** Paths of files that somebody else has changed since they were written. */
export async function findEdited(fs: Machine['fs'], { changes, phase }: Journal): Promise<readonly string[]> {
  const edited: string[] = [];
  for (const change of changes) if ((await holderOf(fs, change, phase)) === 'other') edited.push(change.path);
  return edited;
}

/**
 * Restores every original file and makes the managers reload. Idempotent, so an interrupted restore is repeated. A
 * version that somebody else wrote since is first copied ({@link keptBeside}). What somebody else wrote during an
 * unfinished installation stays.
 *
 * A manager that fails to reload causes only a warning: it may be stopped or uninstalled, which must not keep dns4tor
 * installed.
 *
 * @param word part of the name under which somebody else's version is kept
 * @throws {Dns4torError} ERR_SYSTEM_FILE with some of the files put back
 */
export async function restore(
  machine: Machine,
  journal: Journal,
  word: KeptBefore = 'before-uninstall',
): Promise<void> {
  const { fs, run, warn } = machine;
  for (const change of journal.changes.toReversed()) await restoreFile(fs, change, journal.phase, word);
  for (const directory of journal.directories.toReversed()) await removeIfEmpty(fs, directory);
  const failures = await Promise.all(journal.restore.map((command) => runOrTell(run, command)));
  for (const failure of failures) {
    if (failure === undefined) continue;
    warn(`${failure}; the files are as before: run that by hand if the program is still in use here`);
  }
}

/**
 * Like {@link restore}, but also replaces what somebody else wrote, whenever that was, and keeps a copy.
 *
 * @throws {Dns4torError} ERR_SYSTEM_FILE
 */
export async function restoreByForce(machine: Machine, journal: Journal): Promise<void> {
  await restore(machine, { ...journal, phase: 'restoring' }, 'before-install');
}

async function restoreFile(fs: Machine['fs'], change: FileChange, phase: Phase, word: KeptBefore): Promise<void> {
  const found = await readState(fs, change.path);
  const holder = await holderOf(fs, change, phase);
  const isToStay = holder === 'before' || (INCOMPLETE.has(phase) && isForeign(holder, found));
  if (isToStay) return removeTemporary(fs, change.path);
  if (holder === 'other' && found.kind !== 'absent') {
    const kept = await keptBeside(fs, change.path, found, word);
    if (kept.before.kind === 'absent') await writeState(fs, kept.path, kept.after);
  }
  if (found.kind !== 'absent' || change.before.kind !== 'absent') await writeState(fs, change.path, change.before);
}

/** Whether somebody else wrote all of it: what the journal holds is then the older version. */
function isForeign(holder: Holder, found: FileState): boolean {
  return holder === 'other' && found.kind !== 'absent' && !(found.kind === 'file' && isMarked(found.bytes));
}

async function holderOf(fs: Machine['fs'], { path, before, after }: FileChange, phase: Phase): Promise<Holder> {
  const found = await readState(fs, path);
  if (sameState(found, before)) return 'before';
  // Whoever changed only its permissions will not miss them.
  if (sameContent(found, after) || sameContent(found, before)) return 'ours';
  const isCutOff = UNDER_WAY.has(phase) && (isTorn(found, after) || isTorn(found, before));
  return isCutOff ? 'ours' : 'other';
}

/** Sorts the files of an installation: those still as written, and those changed or removed. */
export async function sortByPlace(
  fs: Machine['fs'],
  { changes }: Journal,
): Promise<{ readonly inPlace: readonly FileChange[]; readonly lost: readonly FileChange[] }> {
  const [inPlace, lost]: [FileChange[], FileChange[]] = [[], []];
  for (const change of changes) {
    const isAsWritten = sameContent(await readState(fs, change.path), change.after);
    (isAsWritten ? inPlace : lost).push(change);
  }
  return { inPlace, lost };
}
