import { type Clock, delay } from '../lib/clock.ts';

/** Between two runs it rests for so many times as long as the first took. */
const REST = 3;

/**
 * Work that is done for all who ask for it meanwhile, and takes a quarter of the time at most however often that is. What it results in is
 * never older than the question.
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
    // At least until the caller has kept the promise.
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
