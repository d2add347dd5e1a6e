import { type Clock, delay } from '../lib/clock.ts';
import type { Machine } from './machine.ts';
import { warnAboutOtherLinks } from './managers/other-links.ts';
import { checkNameservers } from './managers/resolv-conf.ts';
import { completePause } from './pause.ts';
import { apply, asResuming, prepare, recordInstalled, rollBack } from './transaction/apply.ts';
import type { FileSystem } from './transaction/file-system.ts';
import { isPause, type Journal, readJournal, removeJournal, writeJournal } from './transaction/journal.ts';
import { withLock } from './transaction/lock.ts';
import { disarmSettleTimer } from './transaction/settle-timer.ts';
import { revert } from './uninstall.ts';

const TICK_MS = 1000;

/** What {@link settle} did. `resumed-unchecked`: dns4tor is the resolver again, but names are not resolved yet. */
type Settled = 'nothing' | 'rolled-back' | 'resumed' | 'resumed-unchecked';

/**
 * Acts on a deadline that has passed: ends a pause, or rolls back an installation that was not confirmed.
 *
 * @param early acts before the deadline, too
 * @throws {Dns4torError} as `install` and `uninstall` do
 */
export function settle(machine: Machine, early: boolean): Promise<Settled> {
  return withLock(machine, async () => {
    const journal = await readJournal(machine.fs);
    if (journal?.untilEpochMs === undefined) {
      // The command that armed the timer failed.
      await disarmSettleTimer(machine);
      return 'nothing';
    }
    // A resume that was interrupted is completed, whenever the pause was to end.
    const isDue = early || journal.phase === 'resuming' || machine.clock.epochMs() >= journal.untilEpochMs;
    if (!isDue) return 'nothing';
    if (isPause(journal)) return resume(machine, journal);
    await revert(machine, journal, { force: false });
    await removeJournal(machine.fs);
    await disarmSettleTimer(machine);
    return 'rolled-back';
  });
}

/**
 * Installs again, on whatever network the machine is now. If names are not resolved, that is only reported. To stay
 * paused because Tor is not ready would keep showing names to the network: it would fail open.
 */
async function resume(machine: Machine, journal: Journal): Promise<Settled> {
  const paused = await completePause(machine, journal);
  const { plan, journal: applying } = await prepare(machine, journal.target);
  const resuming = asResuming(paused, applying);
  try {
    await apply(machine, { plan, journal: resuming });
    await recordInstalled(machine, applying);
  } catch (error) {
    throw await rollBack(machine, resuming, error, () => writeJournal(machine.fs, paused));
  }
  await disarmSettleTimer(machine);
  const settled = await checkNameservers(machine).then(
    () => 'resumed' as const,
    () => 'resumed-unchecked' as const,
  );
  await warnAboutOtherLinks(machine);
  return settled;
}

interface WaitOptions {
  readonly fs: FileSystem;
  readonly clock: Clock;
  /** Ends the wait early. */
  readonly signal: AbortSignal;
  /** Called every second with the milliseconds that are left. */
  readonly onTick: (leftMs: number) => void;
}

/**
 * Waits until the deadline, until the journal has another deadline, or until the signal. Time asleep counts. Setting
 * the wall clock back does not extend the wait, during which queries may leave in the clear.
 */
export async function waitUntilDue(
  untilEpochMs: number,
  { fs, clock, signal, onTick }: WaitOptions,
): Promise<'due' | 'changed' | 'aborted'> {
  const untilBootMs = clock.bootMs() + untilEpochMs - clock.epochMs();
  while (!signal.aborted) {
    const leftMs = Math.min(untilEpochMs - clock.epochMs(), untilBootMs - clock.bootMs());
    if ((await readJournal(fs))?.untilEpochMs !== untilEpochMs) return 'changed';
    if (leftMs <= 0) return 'due';
    onTick(leftMs);
    await delay(clock, Math.min(TICK_MS, leftMs), signal);
  }
  return 'aborted';
}
