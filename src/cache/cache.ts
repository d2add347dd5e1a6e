import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { Answer } from '../message/answer.ts';
import type { Query } from '../resolver/query.ts';
import { createEntry, type Entry, isFresh } from './entry.ts';
import { hashQuestion, sameQuestion, variantOf } from './key.ts';
import { failureSeconds, lifetimeSeconds } from './lifetime.ts';
import { drawRefreshAt, REFRESH_HITS } from './refresh.ts';
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

/** Where an answer belongs. */
interface Place {
  readonly hash: number;
  readonly variant: number;
  /** What it takes the place of. */
  readonly earlier: Entry | undefined;
}

/** RFC 8767 §5: after an attempt that failed, the next is made half a minute later. */
const RECHECK_MS = 30_000;

/** Answers by question, bounded in bytes. Nothing in it is ever written to a disk. */
export class Cache {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #seed: number;
  readonly #maxStaleMs: number;
  readonly #index = new Map<number, Entry>();
  readonly #positive: Segment;
  readonly #negative: Segment;

  constructor(components: CacheComponents, init: CacheInit) {
    this.#clock = components.clock;
    this.#random = components.random;
    this.#seed = Math.floor(components.random.fraction() * 2 ** 32) | 0;
    this.#maxStaleMs = init.maxStaleMs;
    const negativeBytes = Math.floor(init.maxBytes * NEGATIVE_SHARE);
    const forget = (entry: Entry): void => this.#unindex(entry);
    this.#positive = new Segment(init.maxBytes - negativeBytes, forget);
    this.#negative = new Segment(negativeBytes, forget);
  }

  /**
   * The entry that answers `query`. It may have expired, where that is better than no answer (RFC 8767 §4): see `isFresh`.
   * Synchronous, and free of allocation.
   * @param now what the cache's clock says, from a caller that has just read it
   */
  lookup(query: Query, now: number = this.#clock.now()): Entry | undefined {
    const { wire, scan } = query;
    const variant = variantOf(query);
    const hash = hashQuestion(wire, scan.questionEnd, variant, this.#seed);
    const entry = this.#find(wire, scan.questionEnd, variant, hash);
    if (entry === undefined) return undefined;
    if (now >= entry.expiresAt && !this.#isUsableStale(entry, now)) {
      // A failure that is over is still counted, should the next attempt fail too.
      if (entry.failures === 0) this.#remove(entry);
      return undefined;
    }
    entry.visited = true;
    if (entry.hits < REFRESH_HITS) entry.hits++;
    return entry;
  }

  #isUsableStale({ failures, expiresAt }: Entry, now: number): boolean {
    return failures === 0 && now < expiresAt + this.#maxStaleMs;
  }

  /** Keeps the answer to `query` for as long as its TTLs allow; takes the place of an earlier one. */
  insert(query: Query, answer: Answer): void {
    this.#store(this.#placeOf(query, answer), answer, lifetimeSeconds(answer), 0);
  }

  /**
   * Remembers that `query` could not be answered, so that the resolver is spared the same question for a while (RFC 9520 §3). An answer
   * that can still be given stays.
   * @param answer what a client is told meanwhile
   */
  insertFailure(query: Query, answer: Answer): void {
    const place = this.#placeOf(query, answer);
    const { earlier } = place;
    const now = this.#clock.now();
    // A refresh that fails ahead of need puts nothing off: when the answer expires, that may have passed.
    if (earlier !== undefined && earlier.failures === 0 && now < earlier.expiresAt) return;
    if (earlier !== undefined && this.#isUsableStale(earlier, now)) {
      earlier.recheckAt = now + RECHECK_MS;
      return;
    }
    const failures = (earlier?.failures ?? 0) + 1;
    this.#store(place, answer, failureSeconds(failures), failures);
  }

  #placeOf(query: Query, { bytes, questionEnd }: Answer): Place {
    const variant = variantOf(query);
    const hash = hashQuestion(bytes, questionEnd, variant, this.#seed);
    return { hash, variant, earlier: this.#find(bytes, questionEnd, variant, hash) };
  }

  #store({ hash, variant, earlier }: Place, answer: Answer, seconds: number, failures: number): void {
    const now = this.#clock.now();
    // What may not be kept leaves an answer that has expired where it is: in an outage it is better than none (RFC 8767 §4).
    if (seconds === 0 && earlier !== undefined && !isFresh(earlier, now) && this.#isUsableStale(earlier, now)) return;
    if (earlier !== undefined) this.#remove(earlier);
    if (seconds === 0) return;

    const lifetimeMs = seconds * MS_PER_SECOND;
    const refreshAt = drawRefreshAt(answer, now, lifetimeMs, this.#random);
    const entry = createEntry(hash, variant, answer, now, now + lifetimeMs, failures, refreshAt);
    const segment = this.#segmentOf(entry);
    if (!segment.fits(entry.bytes)) return;
    segment.add(entry);
    entry.nextInBucket = this.#index.get(hash);
    this.#index.set(hash, entry);
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
