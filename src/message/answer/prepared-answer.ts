import { readU16 } from '../wire/bytes.ts';
import type { ExtendedError } from '../wire/edns.ts';

/** Size of one TTL offset behind the message. */
export const TTL_OFFSET_BYTES = 2;

/**
 * - `data`: has records of QTYPE.
 * - `nxdomain`, `nodata`: negative answers (RFC 2308 §2).
 * - `failure`: any other RCODE.
 */
export type AnswerKind = 'data' | 'nxdomain' | 'nodata' | 'failure';

/**
 * A response in the form that the cache stores: the upstream's bytes, never decoded and encoded again, ready to be
 * patched for any client.
 */
export interface PreparedAnswer {
  /**
   * From `start` on: the message, then the offsets of all its TTLs, two octets each. The message has ID 0, QNAME in
   * lower case, and no OPT record (hop-by-hop, RFC 6891 §6.2.1). Read-only.
   */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly messageBytes: number;
  /** Number of TTLs, one per record. */
  readonly ttlCount: number;
  readonly questionEnd: number;
  readonly rcode: number;
  readonly kind: AnswerKind;
  /** From the upstream, or our own for a failure (RFC 8914). */
  readonly extendedError: ExtendedError | undefined;
}

/** Offset in the message of the TTL of record `index`. */
export function ttlOffset({ bytes, start, messageBytes }: PreparedAnswer, index: number): number {
  return readU16(bytes, start + messageBytes + index * TTL_OFFSET_BYTES);
}

/** Size of the message with the TTL offsets behind it. */
export function preparedBytes({ messageBytes, ttlCount }: PreparedAnswer): number {
  return messageBytes + ttlCount * TTL_OFFSET_BYTES;
}

/** Copies an answer, so that it outlives the cache entry. */
export function copyAnswer(answer: PreparedAnswer): PreparedAnswer {
  const { bytes, start, messageBytes, ttlCount, questionEnd, rcode, kind, extendedError } = answer;
  const own = bytes.slice(start, start + preparedBytes(answer));
  return { bytes: own, start: 0, messageBytes, ttlCount, questionEnd, rcode, kind, extendedError };
}
