import { type Clock, delay } from '../lib/clock.ts';

/** Rest after each run, as a multiple of the run's duration. */
const REST_FACTOR = 3;

/**
 * Coalesces requests for a piece of work: one run serves all requests that arrived before it. The work takes at most a
 * quarter of the time, however many requests there are. A result is never older than its request.
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

  /** @throws whatever the work throws */
  run(): Promise<T> {
    this.#next ??= this.#runAfterRest();
    return this.#next;
  }

  async #runAfterRest(): Promise<T> {
    const restMs = this.#restsUntil - this.#clock.now();
    // Yields at least once, so that `run` has stored the promise before it is cleared below.
    await (restMs > 0 ? delay(this.#clock, restMs) : undefined);
    this.#next = undefined;
    const startedAt = this.#clock.now();
    try {
      return await this.#work();
    } finally {
      const endedAt = this.#clock.now();
      this.#restsUntil = endedAt + REST_FACTOR * (endedAt - startedAt);
    }
  }
}
