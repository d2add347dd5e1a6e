import type { Clock } from './clock.ts';
import { Dns4torError } from './errors.ts';

/** A moment by which an operation must have ended, on the clock that it was made with. */
export class Deadline {
  readonly #clock: Clock;
  /** The moment, as `clock.now()` will count it. */
  readonly atMs: number;

  constructor(clock: Clock, atMs: number) {
    this.#clock = clock;
    this.atMs = atMs;
  }

  static after(clock: Clock, delayMs: number): Deadline {
    return new Deadline(clock, clock.now() + delayMs);
  }

  /** Milliseconds left, never negative. */
  get remainingMs(): number {
    return Math.max(0, this.atMs - this.#clock.now());
  }

  get expired(): boolean {
    return this.remainingMs === 0;
  }

  /** What `work` comes to, or ERR_DEADLINE when the moment comes first. Ends the wait, not the work. */
  limit<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.schedule(this.remainingMs, () => reject(new Dns4torError('ERR_DEADLINE')));
      work.then(resolve, reject).finally(() => timer.cancel());
    });
  }
}
