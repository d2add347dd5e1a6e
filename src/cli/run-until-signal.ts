import { constants } from 'node:os';
import { type Clock, delay } from '../lib/clock.ts';
import type { Logger } from '../log/logger.ts';
import { SIGNAL_EXIT_BASE } from './exit-codes.ts';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;
type StopSignal = (typeof STOP_SIGNALS)[number];

/**
 * Ctrl-C reaches a whole process group, and npm and other wrappers pass it on once more: what follows within half a second
 * is the same key press. A person who presses twice because nothing happens takes longer.
 */
const SAME_PRESS_MS = 500;

/** How long a start that is still under way when it is told to stop may take to become something that can be closed. */
const ABANDON_START_MS = 5000;

/** What this needs of `process`. */
export interface SignalTarget {
  on(signal: StopSignal, listener: (signal: StopSignal) => void): unknown;
  off(signal: StopSignal, listener: (signal: StopSignal) => void): unknown;
  exit(code: number): void;
}

/**
 * Starts a service, waits for SIGINT or SIGTERM, and disposes of it. A second signal ends the process at once.
 *
 * @throws what `start` rejects with, unless it was told to stop before
 */
export async function runUntilSignal(
  start: () => Promise<AsyncDisposable>,
  { target, clock, logger }: { readonly target: SignalTarget; readonly clock: Clock; readonly logger: Logger },
): Promise<void> {
  const stop = new AbortController();
  const done = new AbortController();
  const stopped = new Promise<void>((resolve) => stop.signal.addEventListener('abort', () => resolve()));
  let firstAtMs = 0;
  const onSignal = (signal: StopSignal): void => {
    if (!stop.signal.aborted) {
      firstAtMs = clock.now();
      logger.log('info', 'stopping', { signal });
      stop.abort();
    } else if (clock.now() - firstAtMs >= SAME_PRESS_MS) {
      logger[Symbol.dispose]();
      target.exit(SIGNAL_EXIT_BASE + constants.signals[signal]);
    }
  };
  for (const signal of STOP_SIGNALS) target.on(signal, onSignal);
  try {
    const starting = start().catch((error: unknown) => {
      if (!stop.signal.aborted) throw error;
      return undefined;
    });
    const abandoned = stopped.then(() => delay(clock, ABANDON_START_MS, done.signal));
    const service = await Promise.race([starting, abandoned]);
    if (service === undefined) return;
    await stopped;
    await service[Symbol.asyncDispose]();
  } finally {
    done.abort();
    for (const signal of STOP_SIGNALS) target.off(signal, onSignal);
  }
}
