import { type ErrorCode, FAILURE_CODES } from '../failures/failures.ts';
import { readU16, writeU16 } from '../message/wire/bytes.ts';
import { type ExtendedError, INFO_CODE_BYTES } from '../message/wire/edns.ts';
import { type AnswerKind, type PreparedAnswer, preparedBytes } from '../message/answer/prepared-answer.ts';
import { granulesFor } from './arena.ts';
import { type Chunks, GRANULE_BYTES } from './chunks.ts';

/*
 * An entry as it lies in its block: a head of fixed fields, then the answer's bytes, then its extended error where it has one. The
 * neighbours of the fields are what a hit reads, so that most of them come in two lines of the CPU's cache.
 */

/** The fields of 32 bits, by their place in the block, behind the first `ARENA_WORDS`, which are the arena's. */
export const WORD = {
  hash: 2,
  /** Another record whose hash has the same place in the index. */
  nextInBucket: 3,
  newer: 4,
  older: 5,
  /** The DO and CD bits of the query it answers. */
  variant: 6,
  questionEnd: 7,
  messageBytes: 8,
  ttlCount: 9,
  /** How long the extended error is; 0 without one. */
  errorBytes: 10,
  rcode: 11,
  /** The answer's kind in the lowest octet. Above it, for a failure, the index of its code. */
  kind: 12,
  failures: 13,
  /** Lookups that found it, or REFRESH_UNASKED; not counted any further once they are enough for a refresh. */
  hits: 14,
  /** Whether it was asked for since the hand of its segment came by last. */
  visited: 15,
} as const;

/** The times, doubles, by their place in the block: milliseconds on the monotonic clock. */
export const TIME = { storedAt: 8, expiresAt: 9, refreshAt: 10, recheckAt: 11 } as const;

/** Where the answer's bytes begin. */
export const HEAD_BYTES = 96;

/** The slots of the index, of four octets each, are at most twice as many as records. */
export const INDEX_BYTES_PER_ENTRY = 8;

/** Of a header and a question for the root, the smallest that an answer can be; no index takes more than a sixteenth of its records. */
export const MIN_RECORD_BYTES = 128;

const KINDS: readonly AnswerKind[] = ['data', 'nxdomain', 'nodata', 'failure'];

/** Bits of `WORD.kind` below the index of the failure's code. */
const KIND_BITS = 8;
const KIND_MASK = (1 << KIND_BITS) - 1;

/** What an answer takes of the arena. */
export function recordBytes(answer: PreparedAnswer): number {
  return granulesFor(HEAD_BYTES + answer.bytes.length + errorBytesOf(answer.extendedError)) * GRANULE_BYTES;
}

/** Writes all of an answer to a record, which is as large as `recordBytes` says. */
export function writeAnswer(chunks: Chunks, record: number, answer: PreparedAnswer): void {
  const { bytes, questionEnd, messageBytes, ttlCount, rcode, kind, extendedError } = answer;
  chunks.setWord(record, WORD.questionEnd, questionEnd);
  chunks.setWord(record, WORD.messageBytes, messageBytes);
  chunks.setWord(record, WORD.ttlCount, ttlCount);
  chunks.setWord(record, WORD.rcode, rcode);
  chunks.setWord(record, WORD.kind, KINDS.indexOf(kind));
  chunks.setWord(record, WORD.errorBytes, errorBytesOf(extendedError));
  const target = chunks.bytesOf(record);
  const start = chunks.byteOffsetOf(record) + HEAD_BYTES;
  target.set(bytes, start);
  if (extendedError === undefined) return;
  const errorStart = start + bytes.length;
  writeU16(target, errorStart, extendedError.code);
  target.set(Buffer.from(extendedError.text), errorStart + INFO_CODE_BYTES);
}

export function kindOf(chunks: Chunks, record: number): AnswerKind {
  return KINDS[chunks.word(record, WORD.kind) & KIND_MASK] as AnswerKind;
}

/** Stores why the answer in a record is a failure. Call it after `writeAnswer`. */
export function writeFailureCode(chunks: Chunks, record: number, code: ErrorCode): void {
  const kind = chunks.word(record, WORD.kind) & KIND_MASK;
  chunks.setWord(record, WORD.kind, kind | (FAILURE_CODES.indexOf(code) << KIND_BITS));
}

/** The code that `writeFailureCode` stored. */
export function failureCodeOf(chunks: Chunks, record: number): ErrorCode {
  return FAILURE_CODES[chunks.word(record, WORD.kind) >>> KIND_BITS] as ErrorCode;
}

/** The extended error of the answer in a record, which stands behind the answer's bytes. */
export function errorOf(chunks: Chunks, record: number, answer: PreparedAnswer): ExtendedError | undefined {
  const errorBytes = chunks.word(record, WORD.errorBytes);
  if (errorBytes === 0) return undefined;
  const { bytes, start } = answer;
  const errorStart = start + preparedBytes(answer);
  const text = bytes.subarray(errorStart + INFO_CODE_BYTES, errorStart + errorBytes);
  return { code: readU16(bytes, errorStart), text: new TextDecoder().decode(text) };
}

function errorBytesOf(error: ExtendedError | undefined): number {
  return error === undefined ? 0 : INFO_CODE_BYTES + Buffer.byteLength(error.text);
}
