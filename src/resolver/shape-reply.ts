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
import { type PreparedAnswer, ttlOffset } from '../message/answer/prepared-answer.ts';
import { OPCODE, RCODE } from '../message/wire/tables.ts';
import type { Query } from '../model/query.ts';

/*
 * The one place that decides what a client sees. A kept answer is copied and patched: the client's ID, its spelling of QNAME, its flags,
 * TTLs less the answer's age, an OPT record of our own, and truncation last of all.
 */

/**
 * Writes the reply to `query` with the records of `answer`; returns its length.
 * @param reply has room for any reply over the query's transport. Behind what is written, its bytes may change too
 * @param ageSeconds whole seconds since the answer came
 * @param error why the client gets what it gets; by default what the upstream said
 * @param staleTtl what all TTLs are set to in an answer that has expired
 * @param provenance how the answer came, where the client may know and asked
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
  return appendOpt(reply, messageBytes, opt);
}

/** Writes a reply without records: a refusal or an error. To an opcode other than QUERY it is a header alone. */
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

/** RFC 6891 §6.1.1: only a query with an OPT record gets one back. RFC 7828 §3.2.1: keepalive is for TCP alone. */
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

/** RFC 2181 §9, RFC 6891 §7: what does not fit is left out as a whole, TC=1 says so and the OPT record stays. */
function shapeTruncated(query: Query, answer: PreparedAnswer, reply: Uint8Array, opt: Uint8Array): number {
  return shapeEmpty(query, answer.rcode, FLAG.TC | authenticData(query, answer), reply, opt);
}

/**
 * RFC 8906 §3.1.4, §8.1.4: the opcode gives most header bits, and all that follows the header, their meaning. So the
 * reply to an unknown opcode repeats only the ID and the opcode.
 */
function shapeHeader({ wire }: Query, rcode: number, reply: Uint8Array): number {
  reply.fill(0, 0, HEADER_BYTES);
  writeU16(reply, HEADER.id, readU16(wire, HEADER.id));
  writeU16(reply, HEADER.flags, FLAG.QR | (flagsOf(wire) & OPCODE_MASK) | rcode);
  return HEADER_BYTES;
}

/** Header, the question where there was one, OPT. */
function shapeEmpty(query: Query, rcode: number, flags: number, reply: Uint8Array, opt: Uint8Array): number {
  const { questionEnd } = query.scan;
  writeHeader(reply, query, rcode, flags);
  writeU16(reply, HEADER.qdcount, questionEnd === 0 ? 0 : 1);
  writeU16(reply, HEADER.ancount, 0);
  writeU16(reply, HEADER.nscount, 0);
  writeU16(reply, HEADER.arcount, 0);
  echoQuestion(reply, query);
  return appendOpt(reply, questionEnd === 0 ? HEADER_BYTES : questionEnd, opt);
}

/** Over UDP the client's limit, but never more than we advertise ourselves; over TCP whatever a message can hold. */
function maxReplyBytes(query: Query): number {
  return query.transport === 'udp' ? Math.min(query.scan.udpPayloadBytes, UDP_PAYLOAD_BYTES) : MAX_MESSAGE_BYTES;
}

/** RFC 6840 §5.8: AD is set only for a client that showed with AD or DO that it understands it. */
function authenticData(query: Query, answer: PreparedAnswer): number {
  const understands = query.scan.dnssecOk || (flagsOf(query.wire) & FLAG.AD) !== 0;
  return understands ? readU16(answer.bytes, answer.start + HEADER.flags) & FLAG.AD : 0;
}

/**
 * RFC 1035 §4.1.1: ID and RD from the query; opcode QUERY, which is 0; RA=1; AA=0, since this is no authority.
 * RFC 4035 §3.2.2: CD from the query.
 */
function writeHeader(reply: Uint8Array, query: Query, rcode: number, flags: number): void {
  const asked = flagsOf(query.wire);
  // Without an OPT record there is no room for an extended RCODE, and its lower bits alone would mean something else.
  const headerRcode = rcode > RCODE_MASK && !query.scan.edns ? RCODE.SERVFAIL : rcode & RCODE_MASK;
  writeU16(reply, HEADER.id, readU16(query.wire, HEADER.id));
  writeU16(reply, HEADER.flags, FLAG.QR | FLAG.RA | (asked & (FLAG.RD | FLAG.CD)) | flags | headerRcode);
}

/** The question as this client spelt it: case is not significant but must come back (RFC 4343 §4.1, and 0x20 relies on it). */
function echoQuestion(reply: Uint8Array, query: Query): void {
  for (let i = HEADER_BYTES; i < query.scan.questionEnd; i++) reply[i] = query.wire[i] as number;
}

/** Returns where the reply ends then. */
function appendOpt(reply: Uint8Array, offset: number, opt: Uint8Array): number {
  if (opt.length === 0) return offset;
  reply.set(opt, offset);
  writeU16(reply, HEADER.arcount, readU16(reply, HEADER.arcount) + 1);
  return offset + opt.length;
}
