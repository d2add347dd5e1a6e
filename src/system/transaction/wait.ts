import { type Clock, delay } from '../../lib/clock.ts';
import type { FileSystem } from './file-system.ts';
import { readJournal } from './journal.ts';

const TICK_MS = 1000;

export interface Waiting {
  readonly fs: FileSystem;
  readonly clock: Clock;
  /** Ends it early. */
  readonly signal: AbortSignal;
  /** Called each second with the milliseconds that are left. */
  readonly onTick: (leftMs: number) => void;
}

/**
 * Waits until the deadline, until the journal has another deadline, or until the signal. Time asleep counts. Setting
 * the wall clock back does not extend the wait, during which queries may leave in the clear.
 */
export async function waitUntilDue(
  untilEpochMs: number,
  { fs, clock, signal, onTick }: Waiting,
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
