import { type ErrorCode, FAILURE_CODES } from '../failures/failures.ts';
import { type AnswerKind, type PreparedAnswer, preparedBytes } from '../message/answer/prepared-answer.ts';
import { readU16, writeU16 } from '../message/wire/bytes.ts';
import { type ExtendedError, INFO_CODE_BYTES } from '../message/wire/edns.ts';
import { granulesFor } from './arena.ts';
import { type Chunks, GRANULE_BYTES } from './chunks.ts';

/*
 * The layout of a cache entry in its block: a head of fixed fields, the answer's bytes, then the extended error, if
 * any. README.md has a picture.
 */

/** Fields of 32 bits, as word indexes. The first `ARENA_WORDS` words belong to the arena. */
export const WORD = {
  hash: 2,
  /** The next record in the same slot of the hash table. */
  nextInBucket: 3,
  newer: 4,
  older: 5,
  /** The DO and CD bits of the query (`variantOf`). */
  variant: 6,
  questionEnd: 7,
  messageBytes: 8,
  ttlCount: 9,
  /** Size of the extended error; 0 without one. */
  errorBytes: 10,
  rcode: 11,
  /** The answer's kind in the lowest octet. Above it, for a failure, the index of its code. */
  kind: 12,
  failures: 13,
  /** Number of lookups, up to REFRESH_HITS; or UNUSED_REFRESH. */
  hits: 14,
  /** Whether it had a hit since the SIEVE hand last passed: 0 or 1. */
  visited: 15,
} as const;

/** Times, as indexes of doubles: milliseconds in the cache's time (`Cache.ageingTime`). */
export const TIME = { storedAt: 8, expiresAt: 9, refreshAt: 10, recheckAt: 11 } as const;

/** Size of the head. The answer's bytes follow. */
export const HEAD_BYTES = 96;

/** Size of the index per entry: at most two slots of four octets. */
export const INDEX_BYTES_PER_ENTRY = 8;

/** Size of the smallest record: a header and a question for the root. The index adds at most a sixteenth to it. */
export const MIN_RECORD_BYTES = 128;

const KINDS: readonly AnswerKind[] = ['data', 'nxdomain', 'nodata', 'failure'];

/** Bits of `WORD.kind` below the index of the failure's code. */
const KIND_BITS = 8;
const KIND_MASK = (1 << KIND_BITS) - 1;

/** Size of the record for an answer, in whole granules. */
export function recordBytes(answer: PreparedAnswer): number {
  return granulesFor(HEAD_BYTES + answer.bytes.length + errorBytesOf(answer.extendedError)) * GRANULE_BYTES;
}

/** Writes an answer to a record of `recordBytes(answer)`. */
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

/** The kind of the answer in a record. */
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

/** The extended error of the answer in a record. */
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
