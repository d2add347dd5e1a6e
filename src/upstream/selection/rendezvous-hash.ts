import { createHmac } from 'node:crypto';
import type { Random } from '../../lib/random.ts';
import { registeredDomain } from '../../message/registered-domain.ts';

const KEY_BYTES = 32;

/**
 * Rendezvous hashing: orders upstreams by the registered domain of a query. Each upstream has a random key, and the
 * highest keyed hash of the domain comes first. A domain therefore always has the same order of upstreams, and when an
 * upstream fails, only its own domains move. The keys are never stored, so nobody else can compute the assignment.
 */
export class RendezvousHash {
  readonly #keys: readonly Uint8Array[];

  /** @param count number of upstreams */
  constructor(random: Random, count: number) {
    this.#keys = Array.from({ length: count }, () => random.bytes(KEY_BYTES));
  }

  /** Returns the indices of the upstreams, best first. */
  order(query: Uint8Array): readonly number[] {
    const domain = registeredDomain(query);
    return this.#keys
      .map((key, index) => ({ index, score: createHmac('sha256', key).update(domain).digest() }))
      .toSorted((one, other) => Buffer.compare(other.score, one.score))
      .map(({ index }) => index);
  }
}
