import type { Random } from '../lib/random.ts';
import { writeU16 } from '../message/wire/bytes.ts';
import { type EdnsOption, encodeOpt } from '../message/wire/codec.ts';
import { UDP_PAYLOAD_BYTES } from '../message/wire/edns.ts';
import { HEADER, HEADER_BYTES } from '../message/wire/header.ts';

/** Contents of a query. */
export interface ClientQuery {
  /** QNAME in wire form, QTYPE and QCLASS. */
  readonly question: Uint8Array;
  /** Header flags: RD, AD, CD. */
  readonly flags: number;
  /** The DO bit (RFC 3225). @default false */
  readonly dnssecOk?: boolean;
  /** EDNS options. @default none */
  readonly options?: readonly EdnsOption[];
}

/** Encodes a query as a stub resolver sends it: with a random ID and an OPT record. */
export function buildClientQuery(
  random: Random,
  { question, flags, dnssecOk = false, options = [] }: ClientQuery,
): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  header.set(random.bytes(2), HEADER.id);
  writeU16(header, HEADER.flags, flags);
  writeU16(header, HEADER.qdcount, 1);
  writeU16(header, HEADER.arcount, 1);
  return Buffer.concat([header, question, encodeOpt({ udpPayloadBytes: UDP_PAYLOAD_BYTES, dnssecOk, options })]);
}
