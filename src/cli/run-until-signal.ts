import { constants } from 'node:os';
import process from 'node:process';
import { type Clock, delay } from '../lib/clock.ts';
import type { Logger } from '../log/logger.ts';
import { SIGNAL_EXIT_BASE } from './exit-codes.ts';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;
type StopSignal = (typeof STOP_SIGNALS)[number];

/**
 * Signals within half a second are one key press. Ctrl-C reaches a whole process group, and wrappers such as npm pass
 * it on once more. A person who presses it twice takes longer.
 */
const SAME_PRESS_MS = 500;

/** A start that is told to stop is abandoned if it has not completed after this time. */
const ABANDON_START_MS = 5000;

/** The part of `process` that {@link runUntilSignal} uses. */
export interface SignalTarget {
  on(signal: StopSignal, listener: (signal: StopSignal) => void): unknown;
  off(signal: StopSignal, listener: (signal: StopSignal) => void): unknown;
  exit(code: number): void;
}

/**
 * Starts a service, waits for SIGINT or SIGTERM, and disposes of the service. A second signal ends the process at once.
 *
 * @throws what `start` rejects with, unless a signal arrived first
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

/**
 * Keeps SIGHUP and SIGUSR2 from ending the daemon. A closed terminal sends SIGHUP, and other servers take both as
 * requests: dnsmasq reopens its log on SIGUSR2. The handlers are never removed, because a daemon that shuts down still
 * answers queries in flight.
 *
 * @returns sets the handler of SIGHUP; until it is called, SIGHUP does nothing
 */
export function surviveHangUps(): (onHangUp: () => void) => void {
  let current = (): void => {};
  process.on('SIGHUP', () => current());
  process.on('SIGUSR2', () => {});
  return (onHangUp) => {
    current = onHangUp;
  };
}
