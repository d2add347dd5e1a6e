import type { Clock } from './clock.ts';

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
}
