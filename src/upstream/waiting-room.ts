import type { Deadline } from '../lib/deadline.ts';
import { Dns4torError } from '../lib/errors.ts';

/** Queries that wait, in all. Beyond, the newest is refused: an outage must not fill the memory. */
const MAX_WAITING = 1024;

interface Waiter {
  readonly hasRoom: () => boolean;
  admit(): void;
  refuse(error: Dns4torError): void;
}

/** Where queries wait until there is room for them on some circuit, in the order in which they came. */
export class WaitingRoom {
  readonly #waiting = new Set<Waiter>();

  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Queues until `hasRoom` is true at an {@link admit}, then resolves with the result of `take`. Rejects with `expired`
   * at the deadline, with ERR_GIVEN_UP for an abandoned query, with ERR_QUEUE_FULL, or with what {@link refuse} was
   * given.
   */
  wait<T>(deadline: Deadline, expired: () => Dns4torError, hasRoom: () => boolean, take: () => Promise<T>): Promise<T> {
    if (this.#waiting.size >= MAX_WAITING) return Promise.reject(new Dns4torError('ERR_QUEUE_FULL'));
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        timer.cancel();
        this.#waiting.delete(waiter);
      };
      const waiter: Waiter = {
        hasRoom,
        admit() {
          leave();
          take().then(resolve, reject);
        },
        refuse(error) {
          leave();
          reject(error);
        },
      };
      const timer = deadline.schedule(() => waiter.refuse(deadline.isGivenUp ? deadline.toError() : expired()));
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

  /** Sends all away. */
  refuse(error: Dns4torError): void {
    for (const waiter of this.#waiting) waiter.refuse(error);
  }
}
