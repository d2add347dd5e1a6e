import { Dns4torError } from '../failures/errors.ts';
import type { Clock, Timer } from './clock.ts';

/** The time by which an operation must end. An abort signal can bring it forward; nothing postpones it. */
export class Deadline {
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  /** The time on `clock.now()`. */
  readonly atMs: number;

  /** @param signal ends the operation at once when it is aborted */
  constructor(clock: Clock, atMs: number, signal?: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
    this.atMs = atMs;
  }

  static after(clock: Clock, delayMs: number): Deadline {
    return new Deadline(clock, clock.now() + delayMs);
  }

  /** A deadline `delayMs` from now, but not after this one. It has the same signal. */
  within(delayMs: number): Deadline {
    return new Deadline(this.#clock, Math.min(this.atMs, this.#clock.now() + delayMs), this.#signal);
  }

  /** Milliseconds left, never negative. */
  get remainingMs(): number {
    return this.isGivenUp ? 0 : Math.max(0, this.atMs - this.#clock.now());
  }

  get expired(): boolean {
    return this.remainingMs === 0;
  }

  /** Whether the signal ended it early. That says nothing about the duration of the operation. */
  get isGivenUp(): boolean {
    return this.#signal?.aborted === true;
  }

  /** The error of an operation that missed the deadline: ERR_DEADLINE, or ERR_GIVEN_UP after an abort. */
  toError(): Dns4torError {
    return new Dns4torError(this.isGivenUp ? 'ERR_GIVEN_UP' : 'ERR_DEADLINE');
  }

  /** Calls back once, at the deadline. Cancel the timer when the operation has ended. */
  schedule(callback: () => void): Timer {
    const cancel = (): void => {
      timer.cancel();
      this.#signal?.removeEventListener('abort', expire);
    };
    const expire = (): void => {
      cancel();
      callback();
    };
    const timer = this.#clock.schedule(this.remainingMs, expire);
    this.#signal?.addEventListener('abort', expire);
    return { cancel };
  }

  /** Resolves as `work` does, or rejects with {@link toError} at the deadline. It ends the wait, not the work. */
  limit<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = this.schedule(() => reject(this.toError()));
      work.then(resolve, reject).finally(() => timer.cancel());
    });
  }
}
