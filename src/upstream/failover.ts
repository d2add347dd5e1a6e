import type { Deadline } from '../lib/deadline.ts';
import type { OnAnswer, Upstream } from './upstream.ts';

/**
 * Several upstreams in order: the next is asked when the one before it has failed. Each but the last gets an equal share of the time that
 * somebody waits for the answer, so that one which hangs leaves time for the others; one which is known to be down fails at once and costs
 * none. The last has until the deadline.
 */
export class FailoverUpstream implements Upstream {
  readonly address: string;
  readonly #upstreams: readonly Upstream[];
  readonly #awaitedMs: number;

  /**
   * @param upstreams at least one; owned from here on
   * @param awaitedMs how long an answer is waited for; a deadline past that is for the cache's sake alone
   */
  constructor(upstreams: readonly Upstream[], awaitedMs: number) {
    this.#upstreams = upstreams;
    this.#awaitedMs = awaitedMs;
    this.address = upstreams.map(({ address }) => address).join(', ');
  }

  /** Rejects with the error of the upstream that was asked last. */
  async exchange(query: Uint8Array, deadline: Deadline, client?: string, onAnswer?: OnAnswer): Promise<Uint8Array> {
    let lastError: unknown;
    const awaited = deadline.within(this.#awaitedMs);
    let left = this.#upstreams.length;
    for (const upstream of this.#upstreams) {
      const share = left === 1 ? deadline : awaited.within(awaited.remainingMs / left);
      left--;
      try {
        return await upstream.exchange(query, share, client, onAnswer);
      } catch (error) {
        // An abandoned query needs no answer from the other upstreams either.
        if (deadline.isGivenUp) throw error;
        lastError = error;
      }
    }
    throw lastError;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#upstreams.map((upstream) => upstream[Symbol.asyncDispose]()));
  }
}
