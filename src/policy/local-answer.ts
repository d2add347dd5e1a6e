import { type Answer, parseAnswer } from '../message/answer/answer.ts';
import { writeU16 } from '../message/wire/bytes.ts';
import { encodeRecords, type OwnRecord } from '../message/wire/codec.ts';
import { FLAG, HEADER, HEADER_BYTES } from '../message/wire/header.ts';
import type { Query } from '../model/query.ts';

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

/** Encodes a record whose owner is QNAME: a pointer replaces the root, which is one octet. */
export function recordAtQname(record: OwnRecord): LocalRecords {
  const atRoot = encodeRecords([{ ...record, name: '.' }]);
  const bytes = new Uint8Array(atRoot.length + 1);
  bytes.set(QNAME_POINTER);
  bytes.set(atRoot.subarray(1), QNAME_POINTER.length);
  return { bytes, count: 1 };
}

/** Builds a local answer to the question of `query`. */
export function buildLocalAnswer(
  query: Query,
  rcode: number,
  answers: LocalRecords,
  authorities: LocalRecords = NO_RECORDS,
): Answer {
  const { questionEnd } = query.scan;
  const message = new Uint8Array(questionEnd + answers.bytes.length + authorities.bytes.length);
  message.set(query.wire.subarray(0, questionEnd));
  message.set(answers.bytes, questionEnd);
  message.set(authorities.bytes, questionEnd + answers.bytes.length);
  writeU16(message, HEADER.flags, FLAG.QR | rcode);
  writeU16(message, HEADER.qdcount, 1);
  writeU16(message, HEADER.ancount, answers.count);
  writeU16(message, HEADER.nscount, authorities.count);
  writeU16(message, HEADER.arcount, 0);
  return parseAnswer(message);
}
