import type { ErrorCode } from '../failures/failures.ts';
import { type Clock, nextTurn } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { MS_PER_SECOND } from '../lib/units.ts';
import type { Answer } from '../message/answer/answer.ts';
import type { AnswerKind, PreparedAnswer } from '../message/answer/prepared-answer.ts';
import type { BySegment, Metrics } from '../metrics/metrics.ts';
import type { Query } from '../model/query.ts';
import { Chunks, NONE } from './chunks.ts';
import { Entry } from './entry.ts';
import { HashTable } from './hash-table.ts';
import { hashQuestion, sameQuestion, variantOf } from './key.ts';
import { failureSeconds, lifetimeSeconds } from './lifetime.ts';
import { drawRefreshAt, REFRESH_HITS, UNUSED_REFRESH } from './refresh.ts';
import { Segment } from './segment.ts';
import {
  INDEX_BYTES_PER_ENTRY,
  kindOf,
  MIN_RECORD_BYTES,
  recordBytes,
  TIME,
  WORD,
  writeAnswer,
  writeFailureCode,
} from './stored-record.ts';

/** Share of the budget for denials and failures, so that a flood of random names cannot evict answers in use. */
const NEGATIVE_SHARE = 0.25;

/** Share of the budget that is left for records if the index is as large as it can be, with the smallest records. */
const RECORDS_SHARE = MIN_RECORD_BYTES / (MIN_RECORD_BYTES + INDEX_BYTES_PER_ENTRY);

interface CacheComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Pick<Metrics, 'cacheEvicted' | 'prefetched'>;
}

interface CacheInit {
  /** Maximum size of all entries, with their overhead. 0 disables the cache. */
  readonly maxBytes: number;
  /** How long after its expiry an answer may replace a missing fresh one (RFC 8767), in milliseconds. 0 for never. */
  readonly maxStaleMs: number;
}

/** Where the answer to a question is stored. */
interface Place {
  readonly hash: number;
  readonly variant: number;
  /** The record to replace; NONE without one. */
  readonly earlier: number;
}

/** RFC 8767 §5, failure recheck timer: after a failure an expired answer is used for this long without asking again. */
const RECHECK_MS = 30_000;

/**
 * Failure recheck timer after failures that say nothing about the name. When their cause ends, names resolve again
 * within five seconds.
 */
const PATH_RECHECK_MS = 4000;

/** Consecutive failures that say nothing about the name and are counted but not cached. */
const FREE_TRIES = 2;

/** Failures further apart than this do not count as consecutive. */
const FAILURE_GAP_MS = 10_000;

/**
 * Records that a purge examines before it lets queries pass. At about a microsecond each, a query waits less than half
 * a millisecond.
 */
const PURGE_SLICE = 256;

/**
 * The cache: answers by question, bounded in bytes, in memory only. Entries are not objects but records in large
 * buffers. README.md describes the layout.
 */
export class Cache {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #metrics: CacheComponents['metrics'];
  readonly #seed: number;
  /** See {@link CacheInit.maxStaleMs}. May change at any time. */
  maxStaleMs: number;
  readonly #chunks = new Chunks();
  readonly #index = new HashTable(this.#chunks);
  /** The result of every lookup, pointed at the record found. */
  readonly #entry = new Entry(this.#chunks);
  #sleptMs = 0;
  readonly #positive: Segment;
  readonly #negative: Segment;
  /** Settles when no purge is running or waiting. */
  #purging: Promise<unknown> = Promise.resolve();
  /** The maximum of {@link bytesBySegment}. */
  readonly maxBytesBySegment: BySegment;

  constructor(components: CacheComponents, init: CacheInit) {
    this.#clock = components.clock;
    this.#random = components.random;
    this.#metrics = components.metrics;
    this.#seed = Math.floor(components.random.fraction() * 2 ** 32) | 0;
    this.maxStaleMs = init.maxStaleMs;
    const negativeBytes = init.maxBytes * NEGATIVE_SHARE;
    this.maxBytesBySegment = { success: init.maxBytes - negativeBytes, denial: negativeBytes };
    const recordsBytes = init.maxBytes * RECORDS_SHARE;
    const evicted = (record: number, denial: boolean): void => {
      this.#metrics.cacheEvicted(denial);
      this.#forget(record);
    };
    this.#positive = new Segment(this.#chunks, recordsBytes * (1 - NEGATIVE_SHARE), (record) => evicted(record, false));
    this.#negative = new Segment(this.#chunks, recordsBytes * NEGATIVE_SHARE, (record) => evicted(record, true));
  }

  /**
   * The entry for `query`. It may have expired (see `isFresh`), if it can serve as a stale answer (RFC 8767 §4).
   * Synchronous and without allocation: the entry is valid only until the next use of the cache (see {@link Entry}).
   * @param now in the cache's time (see {@link ageingTime})
   */
  lookup(query: Query, now: number = this.#now()): Entry | undefined {
    const chunks = this.#chunks;
    const { wire, scan } = query;
    const variant = variantOf(query);
    const hash = hashQuestion(wire, scan.questionEnd, variant, this.#seed);
    const record = this.#find(wire, scan.questionEnd, variant, hash);
    if (record === NONE) return undefined;
    if (!this.#isFresh(record, now) && !this.#isUsableStale(record, now)) {
      // An expired failure stays: it counts if the next attempt fails, too.
      if (chunks.word(record, WORD.failures) === 0) this.#remove(record);
      return undefined;
    }
    chunks.setWord(record, WORD.visited, 1);
    const hits = chunks.word(record, WORD.hits);
    if (hits < REFRESH_HITS) this.#countHit(record, hits, now);
    return this.#entry;
  }

  /**
   * Ages all answers by the time that the machine slept, during which the monotonic clock stood still (RFC 1035
   * §3.2.1).
   */
  slept(ms: number): void {
    this.#sleptMs += ms;
  }

  /** Converts monotonic time to the cache's time, which includes sleep. Entries expire by it. */
  ageingTime(now: number): number {
    return now + this.#sleptMs;
  }

  #now(): number {
    return this.ageingTime(this.#clock.now());
  }

  /** Counts a lookup. The first after a refresh decides whether the refresh was useful. */
  #countHit(record: number, hits: number, now: number): void {
    if (hits === UNUSED_REFRESH) this.#metrics.prefetched(this.#isFresh(record, now) ? 'useful' : 'wasted');
    this.#chunks.setWord(record, WORD.hits, Math.max(hits, 0) + 1);
  }

  #isFresh(record: number, now: number): boolean {
    return now < this.#chunks.double(record, TIME.expiresAt);
  }

  #isUsableStale(record: number, now: number): boolean {
    const expiresAt = this.#chunks.double(record, TIME.expiresAt);
    return this.#chunks.word(record, WORD.failures) === 0 && now < expiresAt + this.maxStaleMs;
  }

  /**
   * Stores the answer to `query` for as long as its TTLs allow, in place of an earlier one.
   * @param isUnusedRefresh whether it comes from a refresh and no client has asked for it yet
   */
  insert(query: Query, answer: Answer, isUnusedRefresh = false): void {
    const hits = isUnusedRefresh ? UNUSED_REFRESH : 0;
    this.#store(this.#placeOf(query, answer), answer, lifetimeSeconds(answer), { failures: 0, hits });
  }

  /**
   * Caches a resolution failure, so that the same question is not sent again for a while (RFC 9520 §3). A fresh or
   * stale answer to `query` stays.
   * @param answer what clients get meanwhile
   * @param code why resolution failed
   */
  insertFailure(query: Query, answer: Answer, code: ErrorCode): void {
    this.#insertFailure(query, answer, code, { freeTries: 0, recheckMs: RECHECK_MS });
  }

  /**
   * Counts a failure that says nothing about the name. Only from the third consecutive failure on is it cached, to stop
   * clients that retry in a loop: RFC 9520 §3.1 allows a question to be sent three times.
   * @param answer what clients get meanwhile
   * @param code why resolution failed
   */
  countFailure(query: Query, answer: Answer, code: ErrorCode): void {
    this.#insertFailure(query, answer, code, { freeTries: FREE_TRIES, recheckMs: PATH_RECHECK_MS });
  }

  #insertFailure(
    query: Query,
    answer: Answer,
    code: ErrorCode,
    { freeTries, recheckMs }: { readonly freeTries: number; readonly recheckMs: number },
  ): void {
    const place = this.#placeOf(query, answer);
    const { earlier } = place;
    const now = this.#now();
    const failuresBefore = this.#consecutiveFailures(earlier, now);
    if (earlier !== NONE && this.#chunks.word(earlier, WORD.failures) === 0) {
      // A failed refresh changes nothing. When the answer expires, the cause may have ended.
      if (this.#isFresh(earlier, now)) return;
      if (this.#isUsableStale(earlier, now)) {
        this.#chunks.setDouble(earlier, TIME.recheckAt, now + recheckMs);
        return;
      }
    }
    const failures = failuresBefore + 1;
    this.#store(place, answer, failureSeconds(failures - freeTries), { failures, hits: 0, code });
  }

  /** Number of consecutive failures that the record counts; 0 if the last is too long ago. */
  #consecutiveFailures(record: number, now: number): number {
    if (record === NONE || now - this.#chunks.double(record, TIME.storedAt) >= FAILURE_GAP_MS) return 0;
    return this.#chunks.word(record, WORD.failures);
  }

  #placeOf(query: Query, { bytes, questionEnd }: Answer): Place {
    const variant = variantOf(query);
    const hash = hashQuestion(bytes, questionEnd, variant, this.#seed);
    return { hash, variant, earlier: this.#find(bytes, questionEnd, variant, hash) };
  }

  #store(
    { hash, variant, earlier }: Place,
    answer: Answer,
    seconds: number,
    { failures, hits, code }: { readonly failures: number; readonly hits: number; readonly code?: ErrorCode },
  ): void {
    const now = this.#now();
    // An answer that may not be cached does not replace a stale one, which is better than none in an outage (RFC 8767
    // §4).
    if (seconds === 0 && earlier !== NONE && !this.#isFresh(earlier, now) && this.#isUsableStale(earlier, now)) return;
    if (earlier !== NONE) this.#remove(earlier);
    if (seconds === 0 && failures === 0) return;

    const record = this.#segmentOf(answer.kind).add(recordBytes(answer));
    if (record === NONE) return;
    const lifetimeMs = seconds * MS_PER_SECOND;
    const chunks = this.#chunks;
    chunks.setWord(record, WORD.hash, hash);
    chunks.setWord(record, WORD.variant, variant);
    chunks.setWord(record, WORD.failures, failures);
    chunks.setWord(record, WORD.hits, hits);
    chunks.setDouble(record, TIME.storedAt, now);
    chunks.setDouble(record, TIME.expiresAt, now + lifetimeMs);
    chunks.setDouble(record, TIME.refreshAt, drawRefreshAt(answer, now, lifetimeMs, this.#random));
    chunks.setDouble(record, TIME.recheckAt, 0);
    writeAnswer(chunks, record, answer);
    if (code !== undefined) writeFailureCode(chunks, record, code);
    this.#index.add(record);
  }

  /**
   * Removes the entries that `keeps` rejects, failures included. Queries pass between slices of the work. Answers that
   * are stored meanwhile stay. Purges run one after another.
   * @param keeps receives a view that is valid only during the call. Must not use the cache.
   * @returns the number of removed entries
   */
  purge(keeps: (answer: PreparedAnswer) => boolean): Promise<number> {
    const purge = this.#purging.then(
      async () => (await this.#purgeSegment(this.#positive, keeps)) + (await this.#purgeSegment(this.#negative, keeps)),
    );
    this.#purging = purge.catch(() => {});
    return purge;
  }

  async #purgeSegment(segment: Segment, keeps: (answer: PreparedAnswer) => boolean): Promise<number> {
    let removed = 0;
    let examined = 0;
    segment.startWalk();
    for (let record = segment.walk(); record !== NONE; record = segment.walk()) {
      this.#entry.show(record);
      if (!keeps(this.#entry.answer)) {
        this.#forget(record);
        segment.remove(record);
        removed++;
      }
      // oxlint-disable-next-line no-await-in-loop -- the point is to pause
      if (++examined % PURGE_SLICE === 0) await nextTurn();
    }
    return removed;
  }

  /** Size of the entries of each segment with their part of the index. */
  get bytesBySegment(): BySegment {
    return { success: bytesOf(this.#positive), denial: bytesOf(this.#negative) };
  }

  /** Number of entries, by the `type` label of CoreDNS's `coredns_cache_entries`. */
  get entries(): BySegment {
    return { success: this.#positive.entries, denial: this.#negative.entries };
  }

  /** The record for a question, with the entry pointed at it; NONE without one. */
  #find(wire: Uint8Array, questionEnd: number, variant: number, hash: number): number {
    const chunks = this.#chunks;
    let record = this.#index.first(hash);
    while (record !== NONE) {
      if (chunks.word(record, WORD.hash) === hash && chunks.word(record, WORD.variant) === variant) {
        this.#entry.show(record);
        if (sameQuestion(wire, questionEnd, this.#entry.answer)) return record;
      }
      record = chunks.word(record, WORD.nextInBucket);
    }
    return NONE;
  }

  #segmentOf(kind: AnswerKind): Segment {
    return kind === 'data' ? this.#positive : this.#negative;
  }

  #remove(record: number): void {
    this.#forget(record);
    this.#segmentOf(kindOf(this.#chunks, record)).remove(record);
  }

  /** Removes a record from the index, and counts a refresh that no client has used. */
  #forget(record: number): void {
    this.#index.remove(record);
    if (this.#chunks.word(record, WORD.hits) === UNUSED_REFRESH) this.#metrics.prefetched('wasted');
  }
}

/** Size of a segment's entries with their part of the index. */
function bytesOf({ bytes, entries }: Segment): number {
  return bytes + entries * INDEX_BYTES_PER_ENTRY;
}
