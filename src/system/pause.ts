import { Dns4torError } from '../lib/errors.ts';
import { apply, checkNameservers, prepare, settleOn } from './install.ts';
import { type Journal, readJournal, removeJournal, writeJournal } from './journal.ts';
import { withLock } from './lock.ts';
import type { Machine } from './machine.ts';
import { refuseEdited, restore } from './restore.ts';
import { armSettleTimer, disarmSettleTimer } from './settle-timer.ts';
import { putBack } from './uninstall.ts';

/**
 * Hands names back to the network's own resolver for a time, for captive portals: whoever reads along then sees them. A pause under way is given
 * the new end.
 *
 * @returns the journal of the pause, which tells when it ends
 * @throws {Dns4torError} ERR_SYSTEM_NOT_INSTALLED; ERR_SYSTEM_EDITED with nothing changed
 */
export function pause(machine: Machine, durationMs: number): Promise<Journal> {
  return withLock(machine, async () => {
    const { fs, clock } = machine;
    const journal = await readJournal(fs);
    if (journal?.phase !== 'installed' && journal?.phase !== 'paused') {
      throw new Dns4torError('ERR_SYSTEM_NOT_INSTALLED');
    }
    if (journal.phase === 'installed') await refuseEdited(machine, journal);
    const pausing: Journal = { ...journal, untilEpochMs: clock.epochMs() + durationMs };
    // Its end is seen to before it begins.
    await armSettleTimer(machine, clock.epochMs() + durationMs);
    if (journal.phase === 'installed') await putBack(machine, pausing, { force: false }, 'pausing');
    const paused: Journal = { ...pausing, phase: 'paused' };
    await writeJournal(fs, paused);
    return paused;
  });
}

/** What {@link settle} found and did. */
export type Settled = 'nothing' | 'taken back' | 'resumed' | 'resumed unchecked';

/**
 * Does what is due: ends a pause, or takes back what nobody has confirmed.
 *
 * @param early does it even before its time
 * @throws {Dns4torError} as `install` and `uninstall` do
 */
export function settle(machine: Machine, early: boolean): Promise<Settled> {
  return withLock(machine, async () => {
    const journal = await readJournal(machine.fs);
    if (journal?.untilEpochMs === undefined) {
      // What it was for never came to be.
      await disarmSettleTimer(machine);
      return 'nothing';
    }
    if (!early && machine.clock.epochMs() < journal.untilEpochMs) return 'nothing';
    if (journal.phase === 'paused' || journal.phase === 'pausing') return resume(machine, journal);
    await putBack(machine, journal, { force: false });
    await removeJournal(machine.fs);
    await disarmSettleTimer(machine);
    return 'taken back';
  });
}

/**
 * Installs again on whatever network the machine is now. Whether names are answered is only reported: the pause was to end, and going on to show
 * names to the network because Tor is not ready would be to fail open.
 */
async function resume(machine: Machine, journal: Journal): Promise<Settled> {
  if (journal.phase === 'pausing') {
    await refuseEdited(machine, journal);
    await restore(machine, journal);
  }
  const prepared = await prepare(machine, journal.target);
  try {
    await apply(machine, prepared);
    await settleOn(machine, prepared.journal);
  } catch (error) {
    // Still a pause, which `dns4tor install` ends.
    await restore(machine, prepared.journal);
    await writeJournal(machine.fs, { ...journal, phase: 'paused' });
    throw error;
  }
  await disarmSettleTimer(machine);
  return checkNameservers(machine).then(
    () => 'resumed',
    () => 'resumed unchecked',
  );
}
