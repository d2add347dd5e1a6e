import { writeU16 } from './wire/bytes.ts';
import { encodeOpt, encodeQuestion } from './wire/codec.ts';
import { EDNS_OPTION, OPTION_HEADER_BYTES, UDP_PAYLOAD_BYTES } from './wire/edns.ts';
import { FLAG, HEADER, HEADER_BYTES, QUESTION_FIXED_BYTES } from './wire/header.ts';
import { lowerCase } from './wire/name.ts';

/** RFC 8467 §4.1: clients pad queries to the closest multiple of 128 octets. */
// Leak mutation: padding
const PADDING_BLOCK_BYTES = 128;

/** OPT records with an empty Padding option: without DO, and with it. */
const UNPADDED_OPTS = [false, true].map((dnssecOk) =>
  encodeOpt({
    udpPayloadBytes: UDP_PAYLOAD_BYTES,
    dnssecOk,
    options: [{ code: EDNS_OPTION.padding, data: new Uint8Array(0) }],
  }),
);

/** Offsets in these records of RDLENGTH and of the Padding option's length (RFC 6891 §6.1.2). */
const OPT_RDLENGTH = 9;
const OPTION_LENGTH = 13;

/**
 * Builds the query that goes upstream. It is a function of the question and the two bits alone, so the upstream cannot
 * tell clients apart by it:
 *
 * - ID 0 (RFC 8484 §4.1)
 * - QNAME in lower case
 * - RD and AD set (RFC 6840 §5.7)
 * - an OPT record with nothing but padding
 *
 * @param question QNAME in wire form, QTYPE and QCLASS
 */
export function buildUpstreamQuery(question: Uint8Array, dnssecOk: boolean, checkingDisabled: boolean): Uint8Array {
  const optOffset = HEADER_BYTES + question.length;
  const opt = UNPADDED_OPTS[dnssecOk ? 1 : 0] as Uint8Array;
  const unpaddedBytes = optOffset + opt.length;
  const query = new Uint8Array(Math.ceil(unpaddedBytes / PADDING_BLOCK_BYTES) * PADDING_BLOCK_BYTES);
  const paddingBytes = query.length - unpaddedBytes;
  writeU16(query, HEADER.flags, FLAG.RD | FLAG.AD | (checkingDisabled ? FLAG.CD : 0));
  writeU16(query, HEADER.qdcount, 1);
  writeU16(query, HEADER.arcount, 1);
  const nameBytes = question.length - QUESTION_FIXED_BYTES;
  // Leak mutation: case
  for (let i = 0; i < nameBytes; i++) query[HEADER_BYTES + i] = lowerCase(question[i] as number);
  query.set(question.subarray(nameBytes), HEADER_BYTES + nameBytes);
  query.set(opt, optOffset);
  writeU16(query, optOffset + OPT_RDLENGTH, OPTION_HEADER_BYTES + paddingBytes);
  writeU16(query, optOffset + OPTION_LENGTH, paddingBytes);
  return query;
}

/**
 * The query that probes whether an upstream answers: the root's name servers. All dns4tor instances send the same
 * query, so it reveals nothing about a user.
 */
export const PROBE_QUERY: Uint8Array = buildUpstreamQuery(encodeQuestion('.', 'NS'), false, false);
