import { Dns4torError } from '../failures/errors.ts';
import { apply, asResuming, prepare, settleOn, takenBack } from './transaction/apply.ts';
import { checkNameservers } from './managers/check-nameservers.ts';
import { type Journal, readJournal, removeJournal, writeJournal } from './transaction/journal.ts';
import { withLock } from './transaction/lock.ts';
import type { Machine } from './machine.ts';
import { warnOfOtherLinks } from './managers/other-links.ts';
import { intoPause, isOfPause } from './paused.ts';
import { refuseEdited } from './transaction/restore.ts';
import { armSettleTimer, disarmSettleTimer } from './transaction/settle-timer.ts';
import { putBack } from './uninstall.ts';

/**
 * Hands names back to the network's own resolver for a time, for captive portals: whoever reads along then sees them. A pause under way is given
 * the new end, and one that was cut off is begun again.
 *
 * @returns the journal of the pause, which tells when it ends
 * @throws {Dns4torError} ERR_SYSTEM_NOT_INSTALLED; ERR_SYSTEM_EDITED with nothing changed
 */
export function pause(machine: Machine, durationMs: number): Promise<Journal> {
  return withLock(machine, async () => {
    const { fs, clock } = machine;
    const journal = await readJournal(fs);
    if (journal === undefined || (journal.phase !== 'installed' && !isOfPause(journal))) {
      throw new Dns4torError('ERR_SYSTEM_NOT_INSTALLED');
    }
    const isPaused = journal.phase === 'paused';
    if (!isPaused) await refuseEdited(machine, journal);
    const pausing: Journal = { ...journal, untilEpochMs: clock.epochMs() + durationMs };
    // Its end is seen to before it begins.
    await armSettleTimer(machine, clock.epochMs() + durationMs);
    if (!isPaused) await putBack(machine, pausing, { force: false }, 'pausing');
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
    // A pause that somebody was ending is over, whenever its time was to be up.
    const isDue = early || journal.phase === 'resuming' || machine.clock.epochMs() >= journal.untilEpochMs;
    if (!isDue) return 'nothing';
    if (isOfPause(journal)) return resume(machine, journal);
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
  const paused = await intoPause(machine, journal);
  const { plan, journal: applying } = await prepare(machine, journal.target);
  const resuming = asResuming(paused, applying);
  try {
    await apply(machine, { plan, journal: resuming });
    await settleOn(machine, applying);
  } catch (error) {
    throw await takenBack(machine, resuming, error, () => writeJournal(machine.fs, paused));
  }
  await disarmSettleTimer(machine);
  const settled = await checkNameservers(machine).then(
    () => 'resumed' as const,
    () => 'resumed unchecked' as const,
  );
  await warnOfOtherLinks(machine);
  return settled;
}
