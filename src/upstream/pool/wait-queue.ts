import { Dns4torError } from '../../failures/errors.ts';
import type { Deadline } from '../../lib/deadline.ts';

/** Maximum waiting queries. An outage must not fill the memory, so further queries are rejected. */
const MAX_WAITING = 1024;

/** A query that waits for a connection with capacity. */
interface WaitRequest<T> {
  readonly deadline: Deadline;
  /** Returns the error for {@link WaitQueue.wait} at the deadline, or when waiting has become pointless. */
  readonly expired: () => Dns4torError;
  /** Whether the query can be sent now. */
  readonly canSend: () => boolean;
  /** Whether, as far as known now, it will never be possible to send the query. @default never */
  readonly isHopeless?: () => boolean;
  readonly send: () => Promise<T>;
}

interface Waiter {
  readonly canSend: () => boolean;
  readonly isHopeless: () => boolean;
  send(): void;
  expire(): void;
  reject(error: Dns4torError): void;
}

/** First-in, first-out queue of queries that wait for a connection with capacity. */
export class WaitQueue {
  readonly #waiting = new Set<Waiter>();

  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Queues until {@link WaitRequest.canSend} is true in a {@link sendReady}, then resolves with the result of
   * {@link WaitRequest.send}. Rejects with {@link WaitRequest.expired}, with ERR_GIVEN_UP if the query is abandoned,
   * with ERR_QUEUE_FULL, or with the error given to {@link rejectAll}.
   */
  wait<T>({ deadline, expired, canSend, isHopeless = () => false, send }: WaitRequest<T>): Promise<T> {
    if (this.#waiting.size >= MAX_WAITING) return Promise.reject(new Dns4torError('ERR_QUEUE_FULL'));
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        timer.cancel();
        this.#waiting.delete(waiter);
      };
      const waiter: Waiter = {
        canSend,
        isHopeless,
        send() {
          leave();
          send().then(resolve, reject);
        },
        expire: () => waiter.reject(expired()),
        reject(error) {
          leave();
          reject(error);
        },
      };
      const timer = deadline.schedule(() => (deadline.isGivenUp ? waiter.reject(deadline.toError()) : waiter.expire()));
      this.#waiting.add(waiter);
    });
  }

  /**
   * Sends the queries that can be sent, the oldest first. Each takes its place on a connection synchronously.
   * @param hasCapacity whether any query can be sent; stops at the first false
   */
  sendReady(hasCapacity: () => boolean): void {
    for (const waiter of this.#waiting) {
      if (!hasCapacity()) return;
      if (waiter.canSend()) waiter.send();
    }
  }

  /** Rejects the queries for which waiting has become pointless. */
  expireHopeless(): void {
    for (const waiter of this.#waiting) if (waiter.isHopeless()) waiter.expire();
  }

  rejectAll(error: Dns4torError): void {
    for (const waiter of this.#waiting) waiter.reject(error);
  }
}
