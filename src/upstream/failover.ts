import type { Clock } from '../lib/clock.ts';
import { Deadline } from '../lib/deadline.ts';
import type { Upstream } from './upstream.ts';

/**
 * Several upstreams in order: the next is asked when the one before it has failed. Each but the last gets an equal share of the time that is
 * left, so that one which hangs leaves time for the others; one which is known to be down fails at once and costs none.
 */
export class FailoverUpstream implements Upstream {
  readonly address: string;
  readonly #clock: Clock;
  readonly #upstreams: readonly Upstream[];

  /** @param upstreams at least one; owned from here on */
  constructor(clock: Clock, upstreams: readonly Upstream[]) {
    this.#clock = clock;
    this.#upstreams = upstreams;
    this.address = upstreams.map(({ address }) => address).join(', ');
  }

  /** Rejects with the error of the upstream that was asked last. */
  async exchange(query: Uint8Array, deadline: Deadline, client?: string): Promise<Uint8Array> {
    let lastError: unknown;
    let left = this.#upstreams.length;
    for (const upstream of this.#upstreams) {
      const share = Deadline.after(this.#clock, deadline.remainingMs / left--);
      try {
        return await upstream.exchange(query, share, client);
      } catch (error) {
        lastError = error;
      }
    }
    throw lastError;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#upstreams.map((upstream) => upstream[Symbol.asyncDispose]()));
  }
}
