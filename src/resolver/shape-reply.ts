import { type PreparedAnswer, ttlOffset } from '../message/answer/prepared-answer.ts';
import { copyOctets, readU16, readU32, writeU16, writeU32 } from '../message/wire/bytes.ts';
import { type ExtendedError, replyOpt, UDP_PAYLOAD_BYTES } from '../message/wire/edns.ts';
import {
  FLAG,
  flagsOf,
  HEADER,
  HEADER_BYTES,
  MAX_MESSAGE_BYTES,
  OPCODE_MASK,
  opcodeOf,
  RCODE_MASK,
} from '../message/wire/header.ts';
import { OPCODE, RCODE } from '../message/wire/tables.ts';
import type { Query } from '../model/query.ts';
import { padReply } from './padding.ts';

/*
 * Decides what a client sees. A prepared answer is copied and patched: ID and flags, QNAME as the client spelt it, TTLs
 * reduced by the answer's age, our own OPT record. An answer that is too large is truncated.
 */

/**
 * Writes the reply to `query` with the records of `answer`. Returns its length.
 * @param reply has room for any reply over the query's transport. Bytes behind the reply may change, too.
 * @param ageSeconds whole seconds since the answer was stored
 * @param error by default the upstream's
 * @param staleTtl replaces all TTLs of an expired answer, in seconds
 * @param provenance data of the provenance option, if the client asked for it and may know
 */
export function shapeAnswer(
  query: Query,
  answer: PreparedAnswer,
  ageSeconds: number,
  reply: Uint8Array,
  error: ExtendedError | undefined = answer.extendedError,
  staleTtl?: number,
  provenance?: Uint8Array,
): number {
  const opt = optFor(query, answer.rcode, error, provenance);
  const { bytes, start, messageBytes } = answer;
  if (messageBytes + opt.length > maxReplyBytes(query)) return shapeTruncated(query, answer, reply, opt);

  copyOctets(bytes, start, start + messageBytes, reply);
  writeHeader(reply, query, answer.rcode, authenticData(query, answer));
  echoQuestion(reply, query);
  for (let i = answer.ttlCount - 1; i >= 0; i--) {
    const offset = ttlOffset(answer, i);
    writeU32(reply, offset, staleTtl ?? Math.max(0, readU32(reply, offset) - ageSeconds));
  }
  return appendOpt(query, reply, messageBytes, opt);
}

/**
 * Writes a reply without records: a refusal or an error. For an opcode other than QUERY, only a header. Returns its
 * length.
 */
export function shapeReply(
  query: Query,
  rcode: number,
  reply: Uint8Array,
  error?: ExtendedError,
  provenance?: Uint8Array,
): number {
  if (opcodeOf(query.wire) !== OPCODE.query) return shapeHeader(query, rcode, reply);
  return shapeEmpty(query, rcode, 0, reply, optFor(query, rcode, error, provenance));
}

const NO_OPT = new Uint8Array(0);

/** RFC 6891 §6.1.1: only a query with an OPT record gets one back. RFC 7828 §3.2.1: keepalive is only for TCP. */
function optFor(
  { scan, tcpIdleMs }: Query,
  rcode: number,
  error: ExtendedError | undefined,
  provenance: Uint8Array | undefined,
): Uint8Array {
  if (!scan.edns) return NO_OPT;
  const keepaliveMs = scan.keepalive ? tcpIdleMs : undefined;
  return replyOpt({ dnssecOk: scan.dnssecOk, rcode, error, keepaliveMs, provenance });
}

/** RFC 2181 §9, RFC 6891 §7: a truncated reply has TC=1, no records, and the OPT record. */
function shapeTruncated(query: Query, answer: PreparedAnswer, reply: Uint8Array, opt: Uint8Array): number {
  return shapeEmpty(query, answer.rcode, FLAG.TC | authenticData(query, answer), reply, opt);
}

/**
 * RFC 8906 §3.1.4, §8.1.4: the meaning of most header bits, and of all that follows the header, depends on the opcode.
 * So the reply to an unknown opcode repeats only ID and opcode.
 */
function shapeHeader({ wire }: Query, rcode: number, reply: Uint8Array): number {
  reply.fill(0, 0, HEADER_BYTES);
  writeU16(reply, HEADER.id, readU16(wire, HEADER.id));
  writeU16(reply, HEADER.flags, FLAG.QR | (flagsOf(wire) & OPCODE_MASK) | rcode);
  return HEADER_BYTES;
}

/** Writes the header, the question if there was a valid one, and OPT. */
function shapeEmpty(query: Query, rcode: number, flags: number, reply: Uint8Array, opt: Uint8Array): number {
  const { questionEnd } = query.scan;
  writeHeader(reply, query, rcode, flags);
  writeU16(reply, HEADER.qdcount, questionEnd === 0 ? 0 : 1);
  writeU16(reply, HEADER.ancount, 0);
  writeU16(reply, HEADER.nscount, 0);
  writeU16(reply, HEADER.arcount, 0);
  echoQuestion(reply, query);
  return appendOpt(query, reply, questionEnd === 0 ? HEADER_BYTES : questionEnd, opt);
}

/** Over UDP the client's limit, but at most our own; over TCP the maximum of a message. */
export function maxReplyBytes(query: Query): number {
  return query.transport === 'udp' ? Math.min(query.scan.udpPayloadBytes, UDP_PAYLOAD_BYTES) : MAX_MESSAGE_BYTES;
}

/** RFC 6840 §5.8: AD is set only if the client's AD or DO bit shows that it understands AD. */
function authenticData(query: Query, answer: PreparedAnswer): number {
  const understands = query.scan.dnssecOk || (flagsOf(query.wire) & FLAG.AD) !== 0;
  return understands ? readU16(answer.bytes, answer.start + HEADER.flags) & FLAG.AD : 0;
}

/**
 * Writes ID and flags. ID, RD (RFC 1035 §4.1.1) and CD (RFC 4035 §3.2.2) come from the query. RA is 1. Opcode and AA
 * are 0: dns4tor is not authoritative.
 */
function writeHeader(reply: Uint8Array, query: Query, rcode: number, flags: number): void {
  const queryFlags = flagsOf(query.wire);
  // An extended RCODE needs an OPT record. Its lower bits alone would mean another RCODE.
  const headerRcode = rcode > RCODE_MASK && !query.scan.edns ? RCODE.SERVFAIL : rcode & RCODE_MASK;
  writeU16(reply, HEADER.id, readU16(query.wire, HEADER.id));
  writeU16(reply, HEADER.flags, FLAG.QR | FLAG.RA | (queryFlags & (FLAG.RD | FLAG.CD)) | flags | headerRcode);
}

/** Copies the question from the query. Replies preserve the case of QNAME (RFC 4343 §4.1), which 0x20 relies on. */
function echoQuestion(reply: Uint8Array, query: Query): void {
  for (let i = HEADER_BYTES; i < query.scan.questionEnd; i++) reply[i] = query.wire[i] as number;
}

/** Appends the OPT record, if any, and padding. Returns the length of the reply. */
function appendOpt(query: Query, reply: Uint8Array, offset: number, opt: Uint8Array): number {
  if (opt.length === 0) return offset;
  reply.set(opt, offset);
  writeU16(reply, HEADER.arcount, readU16(reply, HEADER.arcount) + 1);
  return padReply(query, reply, offset, offset + opt.length);
}
