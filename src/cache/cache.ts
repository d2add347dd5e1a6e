import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { Answer } from '../message/answer.ts';
import type { Query } from '../resolver/query.ts';
import { createEntry, type Entry } from './entry.ts';
import { hashQuestion, sameQuestion, variantOf } from './key.ts';
import { failureSeconds, lifetimeSeconds } from './lifetime.ts';
import { Segment } from './segment.ts';

/** The share of the budget that denials and failures may take: a flood of random names makes NXDOMAINs and must not push out what is used. */
const NEGATIVE_SHARE = 0.25;

const MS_PER_SECOND = 1000;

export interface CacheComponents {
  readonly clock: Clock;
  readonly random: Random;
}

export interface CacheInit {
  /** What all entries together may cost, their overhead included. 0 keeps nothing. */
  readonly maxBytes: number;
  /** How long an answer may be given after it has expired, where no fresh one can be had (RFC 8767), in milliseconds. 0 for never. */
  readonly maxStaleMs: number;
}

/** RFC 8767 §5: after an attempt that failed, the next is made half a minute later. */
const RECHECK_MS = 30_000;

/** Answers by question, bounded in bytes. Nothing in it is ever written to a disk. */
export class Cache {
  readonly #clock: Clock;
  readonly #seed: number;
  readonly #maxStaleMs: number;
  readonly #index = new Map<number, Entry>();
  readonly #positive: Segment;
  readonly #negative: Segment;

  constructor(components: CacheComponents, init: CacheInit) {
    this.#clock = components.clock;
    this.#seed = Math.floor(components.random.fraction() * 2 ** 32) | 0;
    this.#maxStaleMs = init.maxStaleMs;
    const negativeBytes = Math.floor(init.maxBytes * NEGATIVE_SHARE);
    const forget = (entry: Entry): void => this.#unindex(entry);
    this.#positive = new Segment(init.maxBytes - negativeBytes, forget);
    this.#negative = new Segment(negativeBytes, forget);
  }

  /**
   * The entry that answers `query`: one that has not expired, or one that has while a fresh answer was just not to be had. Synchronous,
   * and free of allocation.
   */
  lookup(query: Query): Entry | undefined {
    const entry = this.#entryOf(query, variantOf(query));
    if (entry === undefined) return undefined;
    const now = this.#clock.now();
    if (now >= entry.expiresAt && now >= entry.recheckAt) {
      // A failure that is over is still counted, should the next attempt fail too.
      if (entry.failures === 0 && now >= entry.expiresAt + this.#maxStaleMs) this.#remove(entry);
      return undefined;
    }
    entry.visited = true;
    return entry;
  }

  /** The answer to `query` that has expired and is better than none (RFC 8767 §4). */
  lookupStale(query: Query): Entry | undefined {
    const entry = this.#entryOf(query, variantOf(query));
    if (entry === undefined || !this.#isUsableStale(entry)) return undefined;
    entry.visited = true;
    return entry;
  }

  isStale(entry: Entry): boolean {
    return this.#clock.now() >= entry.expiresAt;
  }

  #isUsableStale({ failures, expiresAt }: Entry): boolean {
    return failures === 0 && this.#clock.now() < expiresAt + this.#maxStaleMs;
  }

  #entryOf({ wire, scan }: Query, variant: number): Entry | undefined {
    return this.#find(wire, scan.questionEnd, variant, hashQuestion(wire, scan.questionEnd, variant, this.#seed));
  }

  /** Keeps the answer to `query` for as long as its TTLs allow; takes the place of an earlier one. */
  insert(query: Query, answer: Answer): void {
    this.#store(query, answer, lifetimeSeconds(answer), 0);
  }

  /**
   * Remembers that `query` could not be answered, so that the resolver is spared the same question for a while (RFC 9520 §3). An answer
   * that can still be given stays.
   * @param answer what a client is told meanwhile
   */
  insertFailure(query: Query, answer: Answer): void {
    const earlier = this.#earlier(answer, variantOf(query));
    if (earlier !== undefined && this.#isUsableStale(earlier)) {
      earlier.recheckAt = this.#clock.now() + RECHECK_MS;
      return;
    }
    const failures = (earlier?.failures ?? 0) + 1;
    this.#store(query, answer, failureSeconds(failures), failures);
  }

  #store(query: Query, answer: Answer, seconds: number, failures: number): void {
    const variant = variantOf(query);
    const earlier = this.#earlier(answer, variant);
    if (earlier !== undefined) this.#remove(earlier);
    if (seconds === 0) return;

    const now = this.#clock.now();
    const hash = this.#hash(answer, variant);
    const entry = createEntry(hash, variant, answer, now, now + seconds * MS_PER_SECOND, failures);
    const segment = this.#segmentOf(entry);
    if (!segment.fits(entry.bytes)) return;
    segment.add(entry);
    entry.nextInBucket = this.#index.get(hash);
    this.#index.set(hash, entry);
  }

  #hash({ bytes, questionEnd }: Answer, variant: number): number {
    return hashQuestion(bytes, questionEnd, variant, this.#seed);
  }

  /** The entry whose place an answer would take. */
  #earlier(answer: Answer, variant: number): Entry | undefined {
    return this.#find(answer.bytes, answer.questionEnd, variant, this.#hash(answer, variant));
  }

  /** By how many whole seconds the TTLs of an entry have run down. */
  ageSeconds(entry: Entry): number {
    return Math.floor((this.#clock.now() - entry.storedAt) / MS_PER_SECOND);
  }

  get bytes(): number {
    return this.#positive.bytes + this.#negative.bytes;
  }

  /** How many entries there are, by the `type` label of CoreDNS's `coredns_cache_entries`. */
  get entries(): { readonly success: number; readonly denial: number } {
    return { success: this.#positive.entries, denial: this.#negative.entries };
  }

  #find(wire: Uint8Array, questionEnd: number, variant: number, hash: number): Entry | undefined {
    let entry = this.#index.get(hash);
    while (entry !== undefined && (entry.variant !== variant || !sameQuestion(wire, questionEnd, entry.answer))) {
      entry = entry.nextInBucket;
    }
    return entry;
  }

  #segmentOf(entry: Entry): Segment {
    return entry.answer.kind === 'data' ? this.#positive : this.#negative;
  }

  #remove(entry: Entry): void {
    this.#segmentOf(entry).remove(entry);
    this.#unindex(entry);
  }

  #unindex(entry: Entry): void {
    const first = this.#index.get(entry.hash) as Entry;
    if (first === entry) {
      if (entry.nextInBucket === undefined) this.#index.delete(entry.hash);
      else this.#index.set(entry.hash, entry.nextInBucket);
    } else {
      let before = first;
      while (before.nextInBucket !== entry) before = before.nextInBucket as Entry;
      before.nextInBucket = entry.nextInBucket;
    }
    entry.nextInBucket = undefined;
  }
}
