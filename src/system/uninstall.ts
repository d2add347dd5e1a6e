import type { Command } from './command.ts';
import type { Machine } from './machine.ts';
import { readState, sameState } from './transaction/file-state.ts';
import { type Journal, readJournal, removeJournal, writeJournal } from './transaction/journal.ts';
import { withLock } from './transaction/lock.ts';
import type { FileChange } from './transaction/plan.ts';
import { refuseEdited, restore } from './transaction/restore.ts';
import { disarmSettleTimer } from './transaction/settle-timer.ts';

/** What {@link uninstall} does beyond its default. */
export interface UninstallOptions {
  /** Restores the original even of a file that was edited since; a copy of the edited version is kept beside it. */
  readonly force: boolean;
}

/**
 * Restores everything that `install` changed, even if the installation was interrupted.
 *
 * @returns whether anything was installed
 * @throws {Dns4torError} ERR_SYSTEM_EDITED with nothing changed; ERR_SYSTEM_FILE, after which another call continues
 */
export function uninstall(machine: Machine, options: UninstallOptions): Promise<boolean> {
  return withLock(machine, async () => {
    const journal = await readJournal(machine.fs);
    if (journal !== undefined && journal.phase !== 'paused') await revert(machine, journal, options);
    await removeJournal(machine.fs);
    await disarmSettleTimer(machine);
    return journal !== undefined;
  });
}

/** What `uninstall` would do. */
export interface Removal {
  readonly changes: readonly FileChange[];
  /** Commands that make the managers read the restored files. */
  readonly commands: readonly Command[];
}

/**
 * Computes what `uninstall` would do, without changing anything. Undefined if nothing is installed.
 *
 * @throws {Dns4torError} ERR_SYSTEM_EDITED, as `uninstall` would
 */
export async function previewRemoval(machine: Machine, { force }: UninstallOptions): Promise<Removal | undefined> {
  const { fs } = machine;
  const journal = await readJournal(fs);
  if (journal === undefined) return undefined;
  // During a pause, all files are the originals.
  if (journal.phase === 'paused') return { changes: [], commands: [] };
  if (!force) await refuseEdited(machine, journal);
  const changes: FileChange[] = [];
  for (const { path, before } of journal.changes.toReversed()) {
    const found = await readState(fs, path);
    if (!sameState(found, before)) changes.push({ path, before: found, after: before });
  }
  return { changes, commands: journal.restore };
}

/** Restores everything but keeps the journal. The caller holds the lock, and updates or removes the journal. */
export async function revert(
  machine: Machine,
  journal: Journal,
  { force }: UninstallOptions,
  phase: 'restoring' | 'pausing' = 'restoring',
): Promise<void> {
  if (!force) await refuseEdited(machine, journal);
  // From now on, an incomplete file is a write of ours that was interrupted.
  await writeJournal(machine.fs, { ...journal, phase });
  await restore(machine, { ...journal, phase });
}
