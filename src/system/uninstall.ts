import { Dns4torError } from '../failures/errors.ts';
import type { Command } from './command.ts';
import { readState, sameState } from './transaction/file-state.ts';
import { type Journal, readJournal, removeJournal, writeJournal } from './transaction/journal.ts';
import { withLock } from './transaction/lock.ts';
import type { Machine } from './machine.ts';
import type { FileChange } from './transaction/plan.ts';
import { refuseEdited, restore } from './transaction/restore.ts';
import { disarmSettleTimer } from './transaction/settle-timer.ts';

export interface UninstallOptions {
  /** Puts back what was there even over what somebody has changed since; that version is kept beside it. */
  readonly force: boolean;
}

/**
 * Puts back everything that `install` has changed, whatever became of that.
 *
 * @returns whether there was anything to put back
 * @throws {Dns4torError} ERR_SYSTEM_EDITED with nothing changed; ERR_SYSTEM_FILE, after which doing it again goes on
 */
export function uninstall(machine: Machine, options: UninstallOptions): Promise<boolean> {
  return withLock(machine, async () => {
    const journal = await readJournal(machine.fs);
    if (journal !== undefined && journal.phase !== 'paused') await putBack(machine, journal, options);
    await removeJournal(machine.fs);
    await disarmSettleTimer(machine);
    return journal !== undefined;
  });
}

/** What `uninstall` would do. */
export interface Removal {
  readonly changes: readonly FileChange[];
  /** What has the managers take note of that. */
  readonly commands: readonly Command[];
}

/** Undefined where there is nothing to put back. Nothing is changed. @throws {Dns4torError} ERR_SYSTEM_EDITED, as `uninstall` would */
export async function planRemoval(machine: Machine, { force }: UninstallOptions): Promise<Removal | undefined> {
  const { fs } = machine;
  const journal = await readJournal(fs);
  if (journal === undefined) return undefined;
  // During a pause everything is as it was.
  if (journal.phase === 'paused') return { changes: [], commands: [] };
  if (!force) await refuseEdited(machine, journal);
  const changes: FileChange[] = [];
  for (const { path, before } of journal.changes.toReversed()) {
    const found = await readState(fs, path);
    if (!sameState(found, before)) changes.push({ path, before: found, after: before });
  }
  return { changes, commands: journal.restore };
}

/** Puts everything back, with the journal left for the caller, who holds the lock, to take away. */
export async function putBack(
  machine: Machine,
  journal: Journal,
  { force }: UninstallOptions,
  phase: 'restoring' | 'pausing' = 'restoring',
): Promise<void> {
  if (!force) await refuseEdited(machine, journal);
  // From here on a file that is cut off is one of ours.
  await writeJournal(machine.fs, { ...journal, phase });
  await restore(machine, { ...journal, phase });
}

/**
 * Keeps what was installed to be confirmed.
 *
 * @returns whether it was still to be confirmed
 * @throws {Dns4torError} ERR_SYSTEM_NOT_INSTALLED where there is nothing to confirm, as when its time was up
 */
export function confirm(machine: Machine): Promise<boolean> {
  return withLock(machine, async () => {
    const journal = await readJournal(machine.fs);
    if (journal?.phase === 'installed') return false;
    if (journal?.phase !== 'unconfirmed') throw new Dns4torError('ERR_SYSTEM_NOT_INSTALLED');
    const { untilEpochMs: _, ...kept } = journal;
    await writeJournal(machine.fs, { ...kept, phase: 'installed' });
    await disarmSettleTimer(machine);
    return true;
  });
}
