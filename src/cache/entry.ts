import type { ErrorCode } from '../failures/failures.ts';
import type { ExtendedError } from '../message/wire/edns.ts';
import type { AnswerKind, PreparedAnswer } from '../message/answer/prepared-answer.ts';
import { type Chunks, NONE } from './chunks.ts';
import { errorOf, failureCodeOf, HEAD_BYTES, kindOf, TIME, WORD } from './stored-record.ts';

const MS_PER_SECOND = 1000;

/**
 * An answer in the cache, as a look-up gives it: a window on a record, moved from one to the next, so that a hit makes no garbage. It and
 * its `answer` say what they say until the cache is used again, by anybody: what is needed for longer, across an `await` above all, is
 * needed as `copyAnswer(entry.answer)`. To read it later is not dangerous, but what it says is another's.
 */
export class Entry {
  readonly #chunks: Chunks;
  #record: number = NONE;
  readonly #answer: AnswerWindow;

  constructor(chunks: Chunks) {
    this.#chunks = chunks;
    this.#answer = new AnswerWindow(chunks);
  }

  /** Moves it to a record. */
  show(record: number): void {
    this.#record = record;
    this.#answer.show(record);
  }

  get answer(): PreparedAnswer {
    return this.#answer;
  }

  /** Milliseconds on the monotonic clock; so for the other times. */
  get storedAt(): number {
    return this.#chunks.double(this.#record, TIME.storedAt);
  }

  get expiresAt(): number {
    return this.#chunks.double(this.#record, TIME.expiresAt);
  }

  /** Until when an expired answer is given without asking anew, because that has just failed (RFC 8767 §5). */
  get recheckAt(): number {
    return this.#chunks.double(this.#record, TIME.recheckAt);
  }

  /** From when on a hit has it refreshed ahead of its end; Infinity for never, or never again. */
  get refreshAt(): number {
    return this.#chunks.double(this.#record, TIME.refreshAt);
  }

  set refreshAt(at: number) {
    this.#chunks.setDouble(this.#record, TIME.refreshAt, at);
  }

  /** How many times in a row the question could not be answered; 0 for an answer. */
  get failures(): number {
    return this.#chunks.word(this.#record, WORD.failures);
  }

  /** Why the question could not be answered; undefined for an answer. */
  get failureCode(): ErrorCode | undefined {
    return this.failures === 0 ? undefined : failureCodeOf(this.#chunks, this.#record);
  }

  /** Lookups that found it, this one included; not counted any further once they are enough for a refresh. */
  get hits(): number {
    return this.#chunks.word(this.#record, WORD.hits);
  }
}

class AnswerWindow implements PreparedAnswer {
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

  /** Made anew each time it is asked for: few answers have one. */
  get extendedError(): ExtendedError | undefined {
    return errorOf(this.#chunks, this.#record, this);
  }
}

/** @param now on the clock of `storedAt`; so for the following */
export function isFresh({ expiresAt }: Entry, now: number): boolean {
  return now < expiresAt;
}

/** Whether an entry that has expired is given without asking anew, because that has just failed. */
export function isResting({ recheckAt }: Entry, now: number): boolean {
  return now < recheckAt;
}

/** By how many whole seconds its TTLs have run down. */
export function ageSeconds({ storedAt }: Entry, now: number): number {
  return Math.floor((now - storedAt) / MS_PER_SECOND);
}
