import { readU16, writeU16 } from './wire/bytes.ts';
import { encodeOpt } from './wire/codec.ts';
import { DNSSEC_OK, UDP_PAYLOAD_BYTES } from './wire/edns.ts';
import { FLAG, flagsOf, HEADER, HEADER_BYTES, opcodeOf, QUESTION_FIXED_BYTES, rcodeOf } from './wire/header.ts';
import { lowerCase, skipPlainName } from './wire/name.ts';
import { OPCODE, RCODE } from './wire/tables.ts';

/*
 * Queries for plain DNS over UDP and TCP on a local network, where anyone on the way can read them and forge answers.
 */

/** OPT records without DO and with it. RFC 7830 §6: no padding, because the transport is not encrypted. */
const OPTS = [false, true].map((dnssecOk) => encodeOpt({ udpPayloadBytes: UDP_PAYLOAD_BYTES, dnssecOk }));

/**
 * Offset of the flags in an OPT record: behind owner, type, payload size, extended RCODE and version (RFC 6891 §6.1).
 */
const OPT_FLAGS = 7;

/** Random octets that {@link buildPlainQuery} takes: an ID, and a bit for each octet of the longest name. */
export const PLAIN_QUERY_RANDOM_BYTES = 34;
const ID_BYTES = 2;

/**
 * Builds the query for a server on the local network from an upstream query. Question, CD and DO are the same; RD is
 * set. AD is not: an answer's AD bit would mean nothing without a secure channel (RFC 6840 §5.8).
 *
 * @param query as `buildUpstreamQuery` returns it
 * @param random {@link PLAIN_QUERY_RANDOM_BYTES} unpredictable octets. They become the ID (RFC 5452 §9.2) and the case
 *   of each letter of the name ("0x20", draft-vixie-dnsext-dns0x20), which a forged answer would have to guess.
 * @param edns whether to add an OPT record. Some old servers refuse it with FORMERR (RFC 6891 §7).
 */
export function buildPlainQuery(query: Uint8Array, random: Uint8Array, edns: boolean): Uint8Array {
  const questionEnd = questionEndOf(query);
  const dnssecOk = (readU16(query, questionEnd + OPT_FLAGS) & DNSSEC_OK) !== 0;
  const opt = OPTS[dnssecOk ? 1 : 0] as Uint8Array;
  const plain = new Uint8Array(questionEnd + (edns ? opt.length : 0));
  plain.set(query.subarray(HEADER_BYTES, questionEnd), HEADER_BYTES);
  writeU16(plain, HEADER.id, readU16(random, 0));
  writeU16(plain, HEADER.flags, FLAG.RD | (flagsOf(query) & FLAG.CD));
  writeU16(plain, HEADER.qdcount, 1);
  if (edns) {
    writeU16(plain, HEADER.arcount, 1);
    plain.set(opt, questionEnd);
  }
  for (let i = HEADER_BYTES, bit = 0; i < questionEnd - QUESTION_FIXED_BYTES; i++, bit++) {
    const isUpper = (((random[ID_BYTES + (bit >>> 3)] as number) >>> (bit & 7)) & 1) === 1;
    // Length octets are below the letters: a label has at most 63 octets, and "A" is 65.
    if (isUpper && isLowerLetter(plain[i] as number)) plain[i] = (plain[i] as number) & ~0x20;
  }
  return plain;
}

function isLowerLetter(octet: number): boolean {
  return octet >= 0x61 && octet <= 0x7a;
}

/**
 * What a datagram is to a plain query:
 *
 * - `answer`: ID and question match, in the case of every letter. It may be truncated.
 * - `recased`: the same, but for the case of letters. The server changes the case, or the datagram is forged.
 * - `refused-edns`: the server does not understand the OPT record (RFC 6891 §7). It may have dropped the question.
 * - `stray`: anything else, such as an answer to an earlier query or a forgery.
 */
export type PlainMatch = 'answer' | 'recased' | 'refused-edns' | 'stray';

/** Compares a received message with the query that was sent. @param query as {@link buildPlainQuery} returned it */
export function matchPlainAnswer(query: Uint8Array, message: Uint8Array): PlainMatch {
  if (message.length < HEADER_BYTES || readU16(message, HEADER.id) !== readU16(query, HEADER.id)) return 'stray';
  if ((flagsOf(message) & FLAG.QR) === 0 || opcodeOf(message) !== OPCODE.query) return 'stray';
  const questions = readU16(message, HEADER.qdcount);
  const hasOpt = readU16(query, HEADER.arcount) > 0;
  const rcode = rcodeOf(message);
  const isRefusal = hasOpt && (rcode === RCODE.FORMERR || rcode === RCODE.NOTIMP);
  if (questions === 0 && isRefusal) return 'refused-edns';
  const questionEnd = questionEndOf(query);
  if (questions !== 1 || message.length < questionEnd) return 'stray';
  let isSameCase = true;
  for (let i = HEADER_BYTES; i < questionEnd; i++) {
    const [sent, received] = [query[i] as number, message[i] as number];
    if (sent === received) continue;
    if (i >= questionEnd - QUESTION_FIXED_BYTES || lowerCase(sent) !== lowerCase(received)) return 'stray';
    isSameCase = false;
  }
  if (!isSameCase) return 'recased';
  return isRefusal ? 'refused-edns' : 'answer';
}

function questionEndOf(query: Uint8Array): number {
  return skipPlainName(query, HEADER_BYTES) + QUESTION_FIXED_BYTES;
}
