import { uptime } from 'node:os';
import { performance } from 'node:perf_hooks';
import { MS_PER_SECOND } from './units.ts';

/** A pending callback of a {@link Clock}. */
export interface Timer {
  /** Prevents the callback. Has no effect after it ran. */
  cancel(): void;
}

/** The only source of time. Tests pass one that they advance themselves. */
export interface Clock {
  /**
   * Monotonic milliseconds, with a fraction. Only differences have a meaning. On Linux it stops while the machine
   * sleeps.
   */
  now(): number;
  /** Microseconds of CLOCK_MONOTONIC, which other programs of the machine read too. */
  monotonicMicros(): number;
  /**
   * Milliseconds since boot, sleep included, unaffected by the wall clock. Resolution 10 ms, or one second if the
   * process cannot read /proc/uptime. Takes tens of microseconds.
   * @throws if the system does not report it
   */
  bootMs(): number;
  /** Milliseconds since 1970, UTC: for people, and for times that outlive the process. It may jump. */
  epochMs(): number;
  /**
   * Calls back once, after `delayMs`. A pending timer keeps the process alive; cancel it when it is no longer needed.
   */
  schedule(delayMs: number, callback: () => void): Timer;
}

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => performance.now(),
  monotonicMicros: () => Number(process.hrtime.bigint() / 1000n),
  bootMs: () => uptime() * MS_PER_SECOND,
  epochMs: () => Date.now(),
  schedule(delayMs, callback) {
    const handle = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Resolves after `delayMs`, or as soon as `signal` is aborted. */
export function delay(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const finish = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const timer = clock.schedule(delayMs, finish);
    signal?.addEventListener('abort', finish);
  });
}

/** Resolves in the next turn of the event loop, so that long work lets pending I/O pass. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
