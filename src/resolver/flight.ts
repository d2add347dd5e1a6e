import type { Deadline } from '../lib/deadline.ts';
import { Dns4torError } from '../failures/errors.ts';

type Waiter<T> = PromiseWithResolvers<T | undefined>;

/**
 * A question that is being asked, by one attempt or several, and those who wait for the answer: each for as long as it can, while the
 * attempts go on.
 */
export class Flight<T> {
  readonly #onEnd: () => void;
  readonly #ending = new AbortController();
  readonly #waiting = new Set<Waiter<T>>();
  #attempts = 0;
  #disappointed = false;
  #lastAttemptAt = -Infinity;

  /**
   * @param onEnd called before the waiters are told, once there is an answer, no attempt is left, or it is given up;
   * may be called again
   */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  /** Aborted when the flight is given up: attempts are to end then. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** Whether somebody waits for the answer. */
  get awaited(): boolean {
    return this.#waiting.size > 0;
  }

  /** Whether a deadline has passed for somebody who waited. */
  get disappointed(): boolean {
    return this.#disappointed;
  }

  /** When the last attempt was begun, on the monotonic clock, in milliseconds. */
  get lastAttemptAt(): number {
    return this.#lastAttemptAt;
  }

  /** The first attempt that succeeds gives the answer, and where none does the last one's failure is that of the flight. */
  attempt(work: Promise<T>, nowMs: number): void {
    this.#attempts++;
    this.#lastAttemptAt = nowMs;
    work.then(
      (answer) => this.#end((waiter) => waiter.resolve(answer)),
      (error: unknown) => {
        this.#attempts--;
        if (this.#attempts === 0) this.#end((waiter) => waiter.reject(error));
      },
    );
  }

  /** The answer, or undefined if the deadline passes or `signal` aborts first. */
  wait(deadline: Deadline, signal?: AbortSignal): Promise<T | undefined> {
    const waiter: Waiter<T> = Promise.withResolvers();
    this.#waiting.add(waiter);
    const leave = (): void => {
      this.#waiting.delete(waiter);
      waiter.resolve(undefined);
    };
    const timer = deadline.schedule(() => {
      this.#disappointed = true;
      leave();
    });
    signal?.addEventListener('abort', leave);
    return waiter.promise.finally(() => timer.cancel());
  }

  /** Ends the flight without an answer. Its waiters get ERR_IN_FLIGHT_CLIENT. */
  giveUp(): void {
    this.#ending.abort();
    this.#end((waiter) => waiter.reject(new Dns4torError('ERR_IN_FLIGHT_CLIENT')));
  }

  #end(tell: (waiter: Waiter<T>) => void): void {
    this.#onEnd();
    for (const waiter of this.#waiting) tell(waiter);
    this.#waiting.clear();
  }
}
