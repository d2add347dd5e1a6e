import { Dns4torError } from '../../failures/errors.ts';
import { failureOf } from '../command.ts';
import type { Machine } from '../machine.ts';
import {
  type BackupSuffix,
  backupChange,
  type FileState,
  isTorn,
  readState,
  removeTemporary,
  sameContent,
  sameState,
  writeState,
} from './file-state.ts';
import { removeIfEmpty } from './file-system.ts';
import type { Journal } from './journal.ts';
import { isMarked } from './mark.ts';
import type { Phase } from './notice.ts';
import type { ExistingFiles, FileChange } from './plan.ts';

/** Which version of a file is present: the one from before the installation, ours, or an edited one. */
type Version = 'original' | 'ours' | 'edited';

/** Phases in which a write may have been interrupted. */
const INTERRUPTIBLE: ReadonlySet<Phase> = new Set(['applying', 'restoring', 'pausing', 'resuming']);

/** Phases in which some files may not have been written yet. */
const INCOMPLETE: ReadonlySet<Phase> = new Set(['applying', 'resuming']);

/**
 * Refuses to restore anything if a file was edited since dns4tor wrote it. The edit had a reason, and no other copy
 * exists.
 *
 * @throws {Dns4torError} ERR_SYSTEM_EDITED
 */
export async function refuseEdited({ fs }: Machine, journal: Journal): Promise<void> {
  const edited = await findEdited(fs, journal);
  if (edited.length > 0) throw new Dns4torError('ERR_SYSTEM_EDITED', edited.join(', '));
}

/** Returns the paths of files that were edited since dns4tor wrote them. */
export async function findEdited(fs: Machine['fs'], { changes, phase }: Journal): Promise<readonly string[]> {
  const edited: string[] = [];
  for (const change of changes) if ((await versionOf(fs, change, phase)) === 'edited') edited.push(change.path);
  return edited;
}

/**
 * Restores every original file and makes the managers reload. Idempotent, so an interrupted restore is repeated. An
 * edited version is copied first ({@link backupChange}). What another program wrote during an unfinished installation
 * stays.
 *
 * A manager that fails to reload causes only a warning: it may be stopped or uninstalled, which must not keep dns4tor
 * installed.
 *
 * @param suffix part of the name of the edited version's copy
 * @throws {Dns4torError} ERR_SYSTEM_FILE with only some files restored
 */
export async function restore(
  machine: Machine,
  journal: Journal,
  suffix: BackupSuffix = 'before-uninstall',
): Promise<void> {
  const { fs, run, warn } = machine;
  for (const change of journal.changes.toReversed()) await restoreFile(fs, change, journal.phase, suffix);
  for (const directory of journal.directories.toReversed()) await removeIfEmpty(fs, directory);
  const failures = await Promise.all(journal.restore.map((command) => failureOf(run, command)));
  for (const failure of failures) {
    if (failure === undefined) continue;
    warn(`${failure}; the original files are restored. If the program is still in use, run the command by hand`);
  }
}

/**
 * Like {@link restore}, but replaces every edited file, even one written during an unfinished installation, and keeps a
 * copy of it.
 *
 * @throws {Dns4torError} ERR_SYSTEM_FILE
 */
export async function restoreByForce(machine: Machine, journal: Journal): Promise<void> {
  await restore(machine, { ...journal, phase: 'restoring' }, 'before-install');
}

async function restoreFile(fs: Machine['fs'], change: FileChange, phase: Phase, suffix: BackupSuffix): Promise<void> {
  const found = await readState(fs, change.path);
  const version = await versionOf(fs, change, phase);
  const mayStay = version === 'original' || (INCOMPLETE.has(phase) && isForeign(version, found));
  if (mayStay) return removeTemporary(fs, change.path);
  if (version === 'edited' && found.kind !== 'absent') {
    const backup = await backupChange(fs, change.path, found, suffix);
    if (backup.before.kind === 'absent') await writeState(fs, backup.path, backup.after);
  }
  if (found.kind !== 'absent' || change.before.kind !== 'absent') await writeState(fs, change.path, change.before);
}

/** Whether another program wrote the whole file. It is then newer than the original in the journal. */
function isForeign(version: Version, found: FileState): boolean {
  return version === 'edited' && found.kind !== 'absent' && !(found.kind === 'file' && isMarked(found.bytes));
}

async function versionOf(fs: Machine['fs'], { path, before, after }: FileChange, phase: Phase): Promise<Version> {
  const found = await readState(fs, path);
  if (sameState(found, before)) return 'original';
  // Changed permissions alone do not count as an edit.
  if (sameContent(found, after) || sameContent(found, before)) return 'ours';
  const isInterrupted = INTERRUPTIBLE.has(phase) && (isTorn(found, after) || isTorn(found, before));
  return isInterrupted ? 'ours' : 'edited';
}

/** Sorts the files of an installation into those still as written, and those edited or removed since. */
export async function classifyFiles(fs: Machine['fs'], { changes }: Journal): Promise<Required<ExistingFiles>> {
  const [intact, altered]: [FileChange[], FileChange[]] = [[], []];
  for (const change of changes) {
    const isIntact = sameContent(await readState(fs, change.path), change.after);
    (isIntact ? intact : altered).push(change);
  }
  return { intact, altered };
}
