import { type Clock, delay } from '../lib/clock.ts';

/** Multiple of its duration for which the work rests after each run. */
const REST = 3;

/**
 * Runs a piece of work once for all who ask for it meanwhile. Takes at most a quarter of the time, however often it is
 * asked for. A result is never older than the request for it.
 */
export class SharedWork<T> {
  readonly #clock: Clock;
  readonly #work: () => T | Promise<T>;
  #next: Promise<T> | undefined;
  #restsUntil = -Infinity;

  constructor(clock: Clock, work: () => T | Promise<T>) {
    this.#clock = clock;
    this.#work = work;
  }

  /** @throws what the work throws */
  run(): Promise<T> {
    this.#next ??= this.#runRested();
    return this.#next;
  }

  async #runRested(): Promise<T> {
    const restMs = this.#restsUntil - this.#clock.now();
    // Yields at least once, so that `run` has stored the promise before it is cleared below.
    await (restMs > 0 ? delay(this.#clock, restMs) : undefined);
    this.#next = undefined;
    const startedAt = this.#clock.now();
    try {
      return await this.#work();
    } finally {
      const endedAt = this.#clock.now();
      this.#restsUntil = endedAt + REST * (endedAt - startedAt);
    }
  }
}
