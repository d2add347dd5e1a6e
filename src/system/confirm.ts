import { Dns4torError } from '../failures/errors.ts';
import type { Machine } from './machine.ts';
import { readJournal, writeJournal } from './transaction/journal.ts';
import { withLock } from './transaction/lock.ts';
import { disarmSettleTimer } from './transaction/settle-timer.ts';

/**
 * Makes an installation with a confirmation deadline permanent.
 *
 * @returns false if it was permanent already
 * @throws {Dns4torError} ERR_SYSTEM_NOT_INSTALLED if there is nothing to confirm, for example after the deadline
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
