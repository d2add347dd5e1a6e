import { readU16 } from '../wire/bytes.ts';
import type { ExtendedError } from '../wire/edns.ts';

export const TTL_OFFSET_BYTES = 2;

/**
 * - `data`: records of the type that was asked for.
 * - `nxdomain`, `nodata`: negative answers (RFC 2308 §2).
 * - `failure`: any other RCODE.
 */
export type AnswerKind = 'data' | 'nxdomain' | 'nodata' | 'failure';

/** A response as it is kept: the upstream's own bytes, never decoded and encoded again, made ready to be patched for any client. */
export interface PreparedAnswer {
  /**
   * From `start` on, the message with ID 0, its QNAME in small letters and no OPT record (which is hop by hop, RFC 6891 §6.2.1); behind it
   * the offsets of all its TTLs, two octets each. Not to be changed.
   */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly messageBytes: number;
  /** The number of records whose TTLs it counts down. */
  readonly ttlCount: number;
  readonly questionEnd: number;
  readonly rcode: number;
  readonly kind: AnswerKind;
  /** Why it is what it is, where the upstream said so (RFC 8914). */
  readonly extendedError: ExtendedError | undefined;
}

/** Where in the message the TTL of the `index`-th record stands. */
export function ttlOffset({ bytes, start, messageBytes }: PreparedAnswer, index: number): number {
  return readU16(bytes, start + messageBytes + index * TTL_OFFSET_BYTES);
}

/** The octets of the message and of the offsets behind it. */
export function preparedBytes({ messageBytes, ttlCount }: PreparedAnswer): number {
  return messageBytes + ttlCount * TTL_OFFSET_BYTES;
}

/** A copy with bytes of its own, for who needs an answer for longer than its giver promises. */
export function copyAnswer(answer: PreparedAnswer): PreparedAnswer {
  const { bytes, start, messageBytes, ttlCount, questionEnd, rcode, kind, extendedError } = answer;
  const own = bytes.slice(start, start + preparedBytes(answer));
  return { bytes: own, start: 0, messageBytes, ttlCount, questionEnd, rcode, kind, extendedError };
}
