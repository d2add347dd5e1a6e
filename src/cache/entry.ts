import type { ErrorCode } from '../failures/failures.ts';
import { MS_PER_SECOND } from '../lib/units.ts';
import type { AnswerKind, PreparedAnswer } from '../message/answer/prepared-answer.ts';
import type { ExtendedError } from '../message/wire/edns.ts';
import { type Chunks, NONE } from './chunks.ts';
import { errorOf, failureCodeOf, HEAD_BYTES, kindOf, TIME, WORD } from './stored-record.ts';

/**
 * A cache entry: a view of a record. Lookups reuse one view, so a hit allocates nothing. It and its `answer` are valid
 * only until the next use of the cache. After that they may show another entry, so copy the answer with `copyAnswer`
 * before an `await`.
 */
export class Entry {
  readonly #chunks: Chunks;
  #record: number = NONE;
  readonly #answer: AnswerView;

  constructor(chunks: Chunks) {
    this.#chunks = chunks;
    this.#answer = new AnswerView(chunks);
  }

  /** Points the entry at a record. */
  show(record: number): void {
    this.#record = record;
    this.#answer.show(record);
  }

  get answer(): PreparedAnswer {
    return this.#answer;
  }

  /** Like all times of an entry: milliseconds in the cache's time (`Cache.ageingTime`). */
  get storedAt(): number {
    return this.#chunks.double(this.#record, TIME.storedAt);
  }

  get expiresAt(): number {
    return this.#chunks.double(this.#record, TIME.expiresAt);
  }

  /** Until when an expired answer is used without asking upstream, which has just failed (RFC 8767 §5). */
  get recheckAt(): number {
    return this.#chunks.double(this.#record, TIME.recheckAt);
  }

  /** From when on a hit starts a refresh. Infinity for never, or never again. */
  get refreshAt(): number {
    return this.#chunks.double(this.#record, TIME.refreshAt);
  }

  set refreshAt(at: number) {
    this.#chunks.setDouble(this.#record, TIME.refreshAt, at);
  }

  /** Number of consecutive failures of the question; 0 if the entry is an answer. */
  get failures(): number {
    return this.#chunks.word(this.#record, WORD.failures);
  }

  /** Why resolution failed. Undefined if the entry is an answer. */
  get failureCode(): ErrorCode | undefined {
    return this.failures === 0 ? undefined : failureCodeOf(this.#chunks, this.#record);
  }

  /** Number of lookups that found the entry, with this one. Counts only up to REFRESH_HITS. */
  get hits(): number {
    return this.#chunks.word(this.#record, WORD.hits);
  }
}

/** The answer in a record. */
class AnswerView implements PreparedAnswer {
  readonly #chunks: Chunks;
  #record: number = NONE;
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  messageBytes = 0;
  ttlCount = 0;
  questionEnd = 0;
  rcode = 0;
  kind: AnswerKind = 'data';

  constructor(chunks: Chunks) {
    this.#chunks = chunks;
  }

  show(record: number): void {
    const chunks = this.#chunks;
    this.#record = record;
    this.bytes = chunks.bytesOf(record);
    this.start = chunks.byteOffsetOf(record) + HEAD_BYTES;
    this.messageBytes = chunks.word(record, WORD.messageBytes);
    this.ttlCount = chunks.word(record, WORD.ttlCount);
    this.questionEnd = chunks.word(record, WORD.questionEnd);
    this.rcode = chunks.word(record, WORD.rcode);
    this.kind = kindOf(chunks, record);
  }

  /** Decoded on each access: few answers have one. */
  get extendedError(): ExtendedError | undefined {
    return errorOf(this.#chunks, this.#record, this);
  }
}

/** Whether the entry has not expired. @param now in the cache's time, here and below */
export function isFresh({ expiresAt }: Entry, now: number): boolean {
  return now < expiresAt;
}

/** Whether an expired entry is used without asking upstream, which has just failed. */
export function awaitsRecheck({ recheckAt }: Entry, now: number): boolean {
  return now < recheckAt;
}

/** Age of an entry in whole seconds, by which its TTLs are reduced. */
export function ageSeconds({ storedAt }: Entry, now: number): number {
  return Math.floor((now - storedAt) / MS_PER_SECOND);
}
