import { type Answer, parseAnswer } from '../message/answer/answer.ts';
import { writeU16 } from '../message/wire/bytes.ts';
import { encodeRecords, type OwnRecord } from '../message/wire/codec.ts';
import { FLAG, HEADER, HEADER_BYTES } from '../message/wire/header.ts';

/** A compression pointer to QNAME, which follows the header (RFC 1035 §4.1.4). */
const QNAME_POINTER = [0xc0, HEADER_BYTES] as const;

/** Encoded records of our own. */
export interface LocalRecords {
  readonly bytes: Uint8Array;
  readonly count: number;
}

/** A section without records. */
export const NO_RECORDS: LocalRecords = { bytes: new Uint8Array(0), count: 0 };

/** Encodes a record. */
export function localRecord(record: OwnRecord): LocalRecords {
  return { bytes: encodeRecords([record]), count: 1 };
}

/** Encodes a record whose owner is QNAME. The root, which the pointer replaces, is one octet. */
export function recordAtQname(record: OwnRecord): LocalRecords {
  return atQname(encodeRecords([{ ...record, name: '.' }]).subarray(1));
}

/** Makes QNAME the owner of an encoded record. @param record without its owner: from the type on */
export function atQname(record: Uint8Array): LocalRecords {
  const bytes = new Uint8Array(QNAME_POINTER.length + record.length);
  bytes.set(QNAME_POINTER);
  bytes.set(record, QNAME_POINTER.length);
  return { bytes, count: 1 };
}

/** Joins records of one section. */
export function joinRecords(parts: readonly LocalRecords[]): LocalRecords {
  const bytes = Buffer.concat(parts.map((part) => part.bytes));
  return { bytes, count: parts.reduce((sum, { count }) => sum + count, 0) };
}

/** An SOA record at QNAME for a negative answer, so that clients can cache it (RFC 2308 §3). */
export function soaAtQname(ttlSeconds: number): LocalRecords {
  return recordAtQname(ownSoa('.', ttlSeconds));
}

/** The SOA record of a zone that dns4tor answers itself, with the values of RFC 6303 §3. */
export function ownSoa(name: string, ttlSeconds: number): OwnRecord {
  return {
    type: 'SOA',
    name,
    ttl: ttlSeconds,
    data: {
      mname: name,
      rname: 'nobody.invalid',
      serial: 1,
      refresh: 3600,
      retry: 1200,
      expire: 604_800,
      minimum: ttlSeconds,
    },
  };
}

/** A message whose question is valid: a query or an answer. */
export interface LocalQuestion {
  readonly wire: Uint8Array;
  readonly scan: { readonly questionEnd: number };
}

/** Builds a local answer to the question of `query`. */
export function buildLocalAnswer(
  query: LocalQuestion,
  rcode: number,
  answers: LocalRecords,
  authorities: LocalRecords = NO_RECORDS,
  additionals: LocalRecords = NO_RECORDS,
): Answer {
  const { questionEnd } = query.scan;
  const authoritiesAt = questionEnd + answers.bytes.length;
  const additionalsAt = authoritiesAt + authorities.bytes.length;
  const message = new Uint8Array(additionalsAt + additionals.bytes.length);
  message.set(query.wire.subarray(0, questionEnd));
  message.set(answers.bytes, questionEnd);
  message.set(authorities.bytes, authoritiesAt);
  message.set(additionals.bytes, additionalsAt);
  writeU16(message, HEADER.flags, FLAG.QR | rcode);
  writeU16(message, HEADER.qdcount, 1);
  writeU16(message, HEADER.ancount, answers.count);
  writeU16(message, HEADER.nscount, authorities.count);
  writeU16(message, HEADER.arcount, additionals.count);
  return parseAnswer(message);
}
