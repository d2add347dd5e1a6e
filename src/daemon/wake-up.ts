import type { Clock, Timer } from '../lib/clock.ts';

/** How often it is looked; a query that comes within this time after a wake-up may still meet a dead connection. */
const LOOK_MS = 2000;

/** The wall clock may be set by a few seconds at any time; a machine that slept for less has lost no connection. */
const JUMP_MS = 10_000;

/**
 * Notices that the machine has slept: then the wall clock has gone on and the monotonic clock has not (Linux's CLOCK_MONOTONIC stands still
 * in a suspend). Connections may look open after that for many minutes, though nobody is at their other end.
 */
export class WakeUpWatch implements Disposable {
  readonly #clock: Clock;
  readonly #onWakeUp: (sleptMs: number) => void;
  #differenceMs: number;
  #timer: Timer;

  constructor(clock: Clock, onWakeUp: (sleptMs: number) => void) {
    this.#clock = clock;
    this.#onWakeUp = onWakeUp;
    this.#differenceMs = clock.epochMs() - clock.now();
    this.#timer = this.#lookLater();
  }

  #lookLater(): Timer {
    return this.#clock.schedule(LOOK_MS, () => {
      const differenceMs = this.#clock.epochMs() - this.#clock.now();
      const sleptMs = differenceMs - this.#differenceMs;
      this.#differenceMs = differenceMs;
      this.#timer = this.#lookLater();
      if (sleptMs > JUMP_MS) this.#onWakeUp(sleptMs);
    });
  }

  [Symbol.dispose](): void {
    this.#timer.cancel();
  }
}
