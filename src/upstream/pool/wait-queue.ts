import type { Deadline } from '../../lib/deadline.ts';
import { Dns4torError } from '../../failures/errors.ts';

/** Queries that wait, in all. Beyond, the newest is refused: an outage must not fill the memory. */
const MAX_WAITING = 1024;

/** A query that waits. */
export interface Wait<T> {
  readonly deadline: Deadline;
  /** Its error at the deadline, or when it would wait in vain. */
  readonly expired: () => Dns4torError;
  /** Whether there is room for it now. */
  readonly hasRoom: () => boolean;
  /** Whether there will be no room for it, as far as known now. @default never */
  readonly isVain?: () => boolean;
  /** Sends it. */
  readonly take: () => Promise<T>;
}

interface Waiter {
  readonly hasRoom: () => boolean;
  readonly isVain: () => boolean;
  admit(): void;
  expire(): void;
  refuse(error: Dns4torError): void;
}

/** Where queries wait until there is room for them on some circuit, in the order in which they came. */
export class WaitQueue {
  readonly #waiting = new Set<Waiter>();

  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Queues until {@link Wait.hasRoom} is true at an {@link admit}, then resolves with the result of {@link Wait.take}.
   * Rejects with {@link Wait.expired}, with ERR_GIVEN_UP for an abandoned query, with ERR_QUEUE_FULL, or with what
   * {@link refuse} was given.
   */
  wait<T>({ deadline, expired, hasRoom, isVain = () => false, take }: Wait<T>): Promise<T> {
    if (this.#waiting.size >= MAX_WAITING) return Promise.reject(new Dns4torError('ERR_QUEUE_FULL'));
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        timer.cancel();
        this.#waiting.delete(waiter);
      };
      const waiter: Waiter = {
        hasRoom,
        isVain,
        admit() {
          leave();
          take().then(resolve, reject);
        },
        expire: () => waiter.refuse(expired()),
        refuse(error) {
          leave();
          reject(error);
        },
      };
      const timer = deadline.schedule(() => (deadline.isGivenUp ? waiter.refuse(deadline.toError()) : waiter.expire()));
      this.#waiting.add(waiter);
    });
  }

  /**
   * Admits those for whom there is room, the longest waiting first. Each takes its place in the course of the call.
   * @param hasAnyRoom whether there is room for some query; no longer asked once there is none
   */
  admit(hasAnyRoom: () => boolean): void {
    for (const waiter of this.#waiting) {
      if (!hasAnyRoom()) return;
      if (waiter.hasRoom()) waiter.admit();
    }
  }

  /** Sends those away that wait in vain. */
  expireVain(): void {
    for (const waiter of this.#waiting) if (waiter.isVain()) waiter.expire();
  }

  /** Sends all away. */
  refuse(error: Dns4torError): void {
    for (const waiter of this.#waiting) waiter.refuse(error);
  }
}
