import type { ErrorCode } from '../failures/failures.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { Answer } from '../message/answer/answer.ts';
import type { AnswerKind } from '../message/answer/prepared-answer.ts';
import type { BySegment, Metrics } from '../metrics/metrics.ts';
import type { Query } from '../model/query.ts';
import { Chunks, NONE } from './chunks.ts';
import { Entry } from './entry.ts';
import { HashTable } from './hash-table.ts';
import { hashQuestion, sameQuestion, variantOf } from './key.ts';
import { failureSeconds, lifetimeSeconds } from './lifetime.ts';
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
import { drawRefreshAt, REFRESH_HITS, REFRESH_UNASKED } from './refresh.ts';
import { Segment } from './segment.ts';

/** The share of the budget that denials and failures may take: a flood of random names makes NXDOMAINs and must not push out what is used. */
const NEGATIVE_SHARE = 0.25;

/** What is left to records where the index takes as much as it can: that of the smallest. */
const RECORDS_SHARE = MIN_RECORD_BYTES / (MIN_RECORD_BYTES + INDEX_BYTES_PER_ENTRY);

const MS_PER_SECOND = 1000;

export interface CacheComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Pick<Metrics, 'cacheEvicted' | 'prefetched'>;
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
  /** The record that it takes the place of; NONE without one. */
  readonly earlier: number;
}

/** RFC 8767 §5: after an attempt that failed, the next is made half a minute later. */
const RECHECK_MS = 30_000;

/**
 * The same for a failure that says nothing about the name: once the cause has ended, the name is asked again within
 * five seconds.
 */
const PATH_RECHECK_MS = 4000;

/** Failures in a row that say nothing about the name and are not kept. */
const FREE_TRIES = 2;

/** A failure that comes this long after the one before it begins a new row. */
const ROW_MS = 10_000;

/**
 * Answers by question, bounded in bytes. Nothing in it is ever written to a disk.
 * Entries are no objects: they lie in `Chunks`, in two segments of records, and a hash table finds them.
 */
export class Cache {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #metrics: CacheComponents['metrics'];
  readonly #seed: number;
  readonly #maxStaleMs: number;
  readonly #chunks = new Chunks();
  readonly #index = new HashTable(this.#chunks);
  /** Shown to who looks up, one record after the other. */
  readonly #entry = new Entry(this.#chunks);
  #sleptMs = 0;
  readonly #positive: Segment;
  readonly #negative: Segment;
  /** What {@link bytesBySegment} can come to. */
  readonly maxBytesBySegment: BySegment;

  constructor(components: CacheComponents, init: CacheInit) {
    this.#clock = components.clock;
    this.#random = components.random;
    this.#metrics = components.metrics;
    this.#seed = Math.floor(components.random.fraction() * 2 ** 32) | 0;
    this.#maxStaleMs = init.maxStaleMs;
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
   * The entry that answers `query`. It may have expired, where that is better than no answer (RFC 8767 §4): see `isFresh`.
   * Synchronous, and free of allocation: it is good only until the cache is used again (see {@link Entry}).
   * @param now as {@link ageingTime} says, from a caller that has just read the clock
   */
  lookup(query: Query, now: number = this.#now()): Entry | undefined {
    const chunks = this.#chunks;
    const { wire, scan } = query;
    const variant = variantOf(query);
    const hash = hashQuestion(wire, scan.questionEnd, variant, this.#seed);
    const record = this.#find(wire, scan.questionEnd, variant, hash);
    if (record === NONE) return undefined;
    if (!this.#isFresh(record, now) && !this.#isUsableStale(record, now)) {
      // A failure that is over is still counted, should the next attempt fail too.
      if (chunks.word(record, WORD.failures) === 0) this.#remove(record);
      return undefined;
    }
    chunks.setWord(record, WORD.visited, 1);
    const hits = chunks.word(record, WORD.hits);
    if (hits < REFRESH_HITS) this.#countHit(record, hits, now);
    return this.#entry;
  }

  /** Ages all answers by a sleep of the machine, during which the monotonic clock stood still (RFC 1035 §3.2.1). */
  slept(ms: number): void {
    this.#sleptMs += ms;
  }

  /** Converts monotonic time to the cache's own time, by which entries expire: it runs on while the machine sleeps. */
  ageingTime(now: number): number {
    return now + this.#sleptMs;
  }

  #now(): number {
    return this.ageingTime(this.#clock.now());
  }

  #countHit(record: number, hits: number, now: number): void {
    if (hits === REFRESH_UNASKED) this.#metrics.prefetched(this.#isFresh(record, now) ? 'useful' : 'wasted');
    this.#chunks.setWord(record, WORD.hits, Math.max(hits, 0) + 1);
  }

  #isFresh(record: number, now: number): boolean {
    return now < this.#chunks.double(record, TIME.expiresAt);
  }

  #isUsableStale(record: number, now: number): boolean {
    const expiresAt = this.#chunks.double(record, TIME.expiresAt);
    return this.#chunks.word(record, WORD.failures) === 0 && now < expiresAt + this.#maxStaleMs;
  }

  /**
   * Keeps the answer to `query` for as long as its TTLs allow; takes the place of an earlier one.
   * @param unasked whether it was fetched ahead of need, and nobody has asked for it yet
   */
  insert(query: Query, answer: Answer, unasked = false): void {
    const hits = unasked ? REFRESH_UNASKED : 0;
    this.#store(this.#placeOf(query, answer), answer, lifetimeSeconds(answer), { failures: 0, hits });
  }

  /**
   * Remembers that `query` could not be answered, so that the resolver is spared the same question for a while (RFC 9520 §3). An answer
   * that can still be given stays.
   * @param answer what a client is told meanwhile
   * @param code why the question could not be answered
   */
  insertFailure(query: Query, answer: Answer, code: ErrorCode): void {
    this.#insertFailure(query, answer, code, { freeTries: 0, recheckMs: RECHECK_MS });
  }

  /**
   * Counts a failure that says nothing about the name. It is kept only to end a loop: from the third in a row on, as
   * RFC 9520 §3.1 has it, where the same question may be sent three times.
   * @param answer what a client is told meanwhile
   * @param code why the question could not be answered
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
    const failuresBefore = this.#failuresInARow(earlier, now);
    if (earlier !== NONE && this.#chunks.word(earlier, WORD.failures) === 0) {
      // A refresh that fails ahead of need puts nothing off: when the answer expires, that may have passed.
      if (this.#isFresh(earlier, now)) return;
      if (this.#isUsableStale(earlier, now)) {
        this.#chunks.setDouble(earlier, TIME.recheckAt, now + recheckMs);
        return;
      }
    }
    const failures = failuresBefore + 1;
    this.#store(place, answer, failureSeconds(failures - freeTries), { failures, hits: 0, code });
  }

  /** Failures without an answer or a longer pause in between. */
  #failuresInARow(record: number, now: number): number {
    if (record === NONE || now - this.#chunks.double(record, TIME.storedAt) >= ROW_MS) return 0;
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
    // What may not be kept leaves an answer that has expired where it is: in an outage it is better than none (RFC 8767 §4).
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

  /** What the entries take, with their part of the index. */
  get bytes(): number {
    return bytesOf(this.#positive) + bytesOf(this.#negative);
  }

  /** The same for each segment. */
  get bytesBySegment(): BySegment {
    return { success: bytesOf(this.#positive), denial: bytesOf(this.#negative) };
  }

  /** How many entries there are, by the `type` label of CoreDNS's `coredns_cache_entries`. */
  get entries(): BySegment {
    return { success: this.#positive.entries, denial: this.#negative.entries };
  }

  /** The record that answers a question, shown by the entry; NONE without one. */
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

  #forget(record: number): void {
    this.#index.remove(record);
    if (this.#chunks.word(record, WORD.hits) === REFRESH_UNASKED) this.#metrics.prefetched('wasted');
  }
}

function bytesOf({ bytes, entries }: Segment): number {
  return bytes + entries * INDEX_BYTES_PER_ENTRY;
}
