import { concat, type RawSpec, rawMessage, rawPointer, rawRecord, rawU16 } from '../fixtures/dns/messages.ts';
import type { DohBehaviour } from '../fixtures/dns/recording-doh-server.ts';
import { FLAG } from './reply.ts';

/*
 * Messages of an upstream resolver, assembled from octets, because no server sends most of them.
 */

const HEADER_BYTES = 12;
const QUESTION_FIXED_BYTES = 4;

/** A pointer to QNAME, for owners of records. */
export const QNAME: Uint8Array = rawPointer(HEADER_BYTES);

export const RESPONSE_FLAGS: number = FLAG.QR | FLAG.RD | FLAG.RA;

/** The RCODEs in these messages. */
export const RCODE = { servfail: 2, nxdomain: 3, refused: 5 } as const;

export const TYPE = { a: 1, cname: 5, soa: 6, opt: 41 } as const;

/** The question section of a query of one question. */
export function questionOf(query: Uint8Array): Uint8Array {
  let end = HEADER_BYTES;
  while (query[end] !== 0) end += 1 + (query[end] ?? 0);
  return query.subarray(HEADER_BYTES, end + 1 + QUESTION_FIXED_BYTES);
}

/** A response to `query`. `parts` replace its defaults. */
export function responseTo(query: Uint8Array, parts: Partial<RawSpec> = {}): Uint8Array {
  return rawMessage({ id: 0, flags: RESPONSE_FLAGS, questions: [questionOf(query)], ...parts });
}

/** Answers every question with the same records. */
export function answering(parts: Partial<RawSpec>): DohBehaviour {
  return ({ query }) => ({ body: responseTo(query, parts) });
}

export function addressOf(owner: Uint8Array = QNAME, ttl = 300, lastOctet = 1): Uint8Array {
  return rawRecord(owner, TYPE.a, ttl, Uint8Array.of(192, 0, 2, lastOctet));
}

export function alias(owner: Uint8Array, target: Uint8Array, ttl = 300): Uint8Array {
  return rawRecord(owner, TYPE.cname, ttl, target);
}

/** The SOA record of a negative answer (RFC 2308 §3). */
export function startOfAuthority(owner: Uint8Array, ttl: number, minimum: number): Uint8Array {
  const root = Uint8Array.of(0);
  const numbers = [1, 3600, 600, 86_400, minimum].flatMap((value) => [value >>> 16, value & 0xffff]);
  return rawRecord(owner, TYPE.soa, ttl, concat(root, root, rawU16(...numbers)));
}

/** The answer of a working upstream. */
export const GOOD: DohBehaviour = answering({ answers: [addressOf()] });
