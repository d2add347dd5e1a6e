import type { Clock, Timer } from './clock.ts';
import { Dns4torError } from '../failures/errors.ts';

/** A moment by which an operation must have ended, on the clock that it was made with. It can come sooner, but never later. */
export class Deadline {
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  /** The moment, as `clock.now()` will count it. */
  readonly atMs: number;

  /** @param signal makes the present the moment, when it is aborted before */
  constructor(clock: Clock, atMs: number, signal?: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
    this.atMs = atMs;
  }

  static after(clock: Clock, delayMs: number): Deadline {
    return new Deadline(clock, clock.now() + delayMs);
  }

  /** One that is `delayMs` from now, or this one where that is sooner. What ends this one ends that one too. */
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

  /** Whether the signal ended it early. That says nothing about how long the operation takes. */
  get isGivenUp(): boolean {
    return this.#signal?.aborted === true;
  }

  /** The error of an operation that did not end in time: ERR_DEADLINE or ERR_GIVEN_UP. */
  toError(): Dns4torError {
    return new Dns4torError(this.isGivenUp ? 'ERR_GIVEN_UP' : 'ERR_DEADLINE');
  }

  /** Calls back once, when the moment comes; its owner cancels it when it is done. */
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

  /**
   * The result of `work`, or the failure of {@link toError} if the deadline comes first. Ends the wait, not the work.
   */
  limit<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = this.schedule(() => reject(this.toError()));
      work.then(resolve, reject).finally(() => timer.cancel());
    });
  }
}
