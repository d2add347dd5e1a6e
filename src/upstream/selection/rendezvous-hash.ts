import { createHmac } from 'node:crypto';
import type { Random } from '../../lib/random.ts';
import { registeredDomain } from '../../message/registered-domain.ts';

const KEY_BYTES = 32;

/**
 * Orders upstreams by the registered domain of a query (rendezvous hashing): each upstream has a key of its own, and
 * the one whose keyed hash of the domain is the highest comes first. So a domain always has the same first choice and
 * the same second one, and without an upstream only its own domains move. The keys stay in memory, so that nobody can
 * compute which domains belong together.
 */
export class RendezvousHash {
  readonly #keys: readonly Uint8Array[];

  /** @param count of upstreams */
  constructor(random: Random, count: number) {
    this.#keys = Array.from({ length: count }, () => random.bytes(KEY_BYTES));
  }

  /** The upstreams' indices, the first choice first. */
  order(query: Uint8Array): readonly number[] {
    const site = registeredDomain(query);
    return this.#keys
      .map((key, index) => ({ index, score: createHmac('sha256', key).update(site).digest() }))
      .toSorted((one, other) => Buffer.compare(other.score, one.score))
      .map(({ index }) => index);
  }
}
