import { Dns4torError } from '../failures/errors.ts';
import type { Deadline } from '../lib/deadline.ts';

type Waiter<T> = PromiseWithResolvers<T | undefined>;

/**
 * A question that is being sent upstream, shared by all clients that wait for its answer. It may be sent more than
 * once. A client that stops waiting does not end it, so its answer can still fill the cache.
 */
export class SharedQuestion<T> {
  readonly #onEnd: () => void;
  readonly #abort = new AbortController();
  readonly #waiters = new Set<Waiter<T>>();
  #attempts = 0;
  #hasTimedOut = false;
  #lastAttemptAt = -Infinity;

  /**
   * @param onEnd called before the waiters are told, when there is an answer, the last attempt fails, or the question
   *   is given up. May be called more than once.
   */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  /** Aborted when the question is given up. Attempts must then stop. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Whether at least one client waits for the answer. */
  get isAwaited(): boolean {
    return this.#waiters.size > 0;
  }

  /** Whether the deadline of at least one client has passed. */
  get hasTimedOut(): boolean {
    return this.#hasTimedOut;
  }

  /** When the last attempt started: milliseconds on the monotonic clock; -Infinity before the first. */
  get lastAttemptAt(): number {
    return this.#lastAttemptAt;
  }

  /** Adds an attempt. The first success is the answer. If all attempts fail, the last failure counts. */
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

  /** Waits for the answer. Resolves with undefined if the deadline passes or `signal` aborts first. */
  wait(deadline: Deadline, signal?: AbortSignal): Promise<T | undefined> {
    const waiter: Waiter<T> = Promise.withResolvers();
    this.#waiters.add(waiter);
    const leave = (): void => {
      this.#waiters.delete(waiter);
      waiter.resolve(undefined);
    };
    const timer = deadline.schedule(() => {
      this.#hasTimedOut = true;
      leave();
    });
    signal?.addEventListener('abort', leave);
    return waiter.promise.finally(() => timer.cancel());
  }

  /** Ends the question without an answer. Its waiters get ERR_IN_FLIGHT_CLIENT. */
  giveUp(): void {
    this.#abort.abort();
    this.#end((waiter) => waiter.reject(new Dns4torError('ERR_IN_FLIGHT_CLIENT')));
  }

  #end(settle: (waiter: Waiter<T>) => void): void {
    this.#onEnd();
    for (const waiter of this.#waiters) settle(waiter);
    this.#waiters.clear();
  }
}

/**
 * Request coalescing: identical questions in progress share one upstream query. The number of questions is bounded. To
 * make room, the oldest question without a waiting client is given up.
 */
export class Coalescer<T> {
  readonly #maxQuestions: number;
  readonly #onEnd: (question: SharedQuestion<T>) => void;
  /** By key, oldest first. */
  readonly #questions = new Map<string, SharedQuestion<T>>();

  /**
   * @param maxQuestions at least the number of questions that clients can wait for at a time
   * @param onEnd called when a question has ended. May be called more than once.
   */
  constructor(maxQuestions: number, onEnd: (question: SharedQuestion<T>) => void = () => {}) {
    this.#maxQuestions = maxQuestions;
    this.#onEnd = onEnd;
  }

  get isFull(): boolean {
    return this.#questions.size >= this.#maxQuestions;
  }

  /** The question in progress under `key`, if any. */
  get(key: string): SharedQuestion<T> | undefined {
    return this.#questions.get(key);
  }

  /** Starts a question under `key`, which must be free. It is removed when it ends. */
  start(key: string): SharedQuestion<T> {
    if (this.isFull) this.#giveUpOldest();
    const question = new SharedQuestion<T>(() => {
      this.#remove(key, question);
      this.#onEnd(question);
    });
    this.#questions.set(key, question);
    return question;
  }

  #giveUpOldest(): void {
    for (const [key, question] of this.#questions) {
      if (question.isAwaited) continue;
      // Remove it now: its attempts may take a while to notice.
      this.#remove(key, question);
      return question.giveUp();
    }
  }

  #remove(key: string, question: SharedQuestion<T>): void {
    // A question that was given up is removed before it ends. Another may have its key by then.
    if (this.#questions.get(key) === question) this.#questions.delete(key);
  }
}
