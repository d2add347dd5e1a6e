import { Dns4torError } from '../failures/errors.ts';
import type { Machine } from './machine.ts';
import { isPause, type Journal, readJournal, writeJournal } from './transaction/journal.ts';
import { withLock } from './transaction/lock.ts';
import { refuseEdited, restore, restoreByForce } from './transaction/restore.ts';
import { armSettleTimer } from './transaction/settle-timer.ts';
import { revert } from './uninstall.ts';

/**
 * Hands name resolution back to the network's own resolver for a time, for captive portals. During that time the
 * network can read all names. Extends or shortens a pause that is under way, and restarts one that was interrupted.
 *
 * @returns the journal of the pause, with its end
 * @throws {Dns4torError} ERR_SYSTEM_NOT_INSTALLED; ERR_SYSTEM_EDITED with nothing changed
 */
export function pause(machine: Machine, durationMs: number): Promise<Journal> {
  return withLock(machine, async () => {
    const { fs, clock } = machine;
    const journal = await readJournal(fs);
    if (journal === undefined || (journal.phase !== 'installed' && !isPause(journal))) {
      throw new Dns4torError('ERR_SYSTEM_NOT_INSTALLED');
    }
    const isPaused = journal.phase === 'paused';
    if (!isPaused) await refuseEdited(machine, journal);
    const pausing: Journal = { ...journal, untilEpochMs: clock.epochMs() + durationMs };
    // Armed first, so that the pause ends even if this process dies.
    await armSettleTimer(machine, clock.epochMs() + durationMs);
    if (!isPaused) await revert(machine, pausing, { force: false }, 'pausing');
    const paused: Journal = { ...pausing, phase: 'paused' };
    await writeJournal(fs, paused);
    return paused;
  });
}

/**
 * Completes a pause whose beginning or end was interrupted: restores the original files.
 *
 * @param force uses {@link restoreByForce} instead of refusing edited files
 * @returns the journal of that pause
 * @throws {Dns4torError} ERR_SYSTEM_EDITED with nothing changed; ERR_SYSTEM_FILE
 */
export async function completePause(machine: Machine, journal: Journal, force: boolean = false): Promise<Journal> {
  if (journal.phase === 'paused') return journal;
  const paused: Journal = { ...journal, phase: 'paused' };
  if (force) {
    await restoreByForce(machine, journal);
  } else {
    await refuseEdited(machine, journal);
    await restore(machine, journal);
  }
  await writeJournal(machine.fs, paused);
  return paused;
}
