import { writeU16 } from './wire/bytes.ts';
import { encodeOpt } from './wire/codec.ts';
import { UDP_PAYLOAD_BYTES } from './wire/edns.ts';
import { EDNS_OPTION } from './wire/edns-options.ts';
import { FLAG, HEADER, HEADER_BYTES } from './wire/header.ts';
import { lowerCase } from './wire/name.ts';

/** RFC 8467 §4.1: clients pad queries to the closest multiple of 128 octets. */
// Leak mutation: padding
const PADDING_BLOCK_BYTES = 128;

/** QTYPE and QCLASS stand behind QNAME and are no letters. */
const QUESTION_FIXED_BYTES = 4;

/** OPT records with an empty Padding option, without DO and with it. */
const UNPADDED_OPTS = [false, true].map((dnssecOk) =>
  encodeOpt({
    udpPayloadBytes: UDP_PAYLOAD_BYTES,
    dnssecOk,
    options: [{ code: EDNS_OPTION.padding, data: new Uint8Array(0) }],
  }),
);

/** Where the lengths of RDATA and of the option stand in them (RFC 6891 §6.1.2), both to be written. */
const RDLENGTH = 9;
const OPTION_LENGTH = 13;
const OPTION_FIXED_BYTES = 4;

/**
 * The query that is sent upstream for a question. It depends on the question and the two bits alone, so that no two clients can be told apart
 * by it: ID 0 (RFC 8484 §4.1), QNAME in small letters, RD and AD set (RFC 6840 §5.7), an OPT record that holds nothing but padding.
 * @param question QNAME in wire form, QTYPE and QCLASS
 */
export function buildUpstreamQuery(question: Uint8Array, dnssecOk: boolean, checkingDisabled: boolean): Uint8Array {
  const optOffset = HEADER_BYTES + question.length;
  const opt = UNPADDED_OPTS[dnssecOk ? 1 : 0] as Uint8Array;
  const unpadded = optOffset + opt.length;
  const query = new Uint8Array(Math.ceil(unpadded / PADDING_BLOCK_BYTES) * PADDING_BLOCK_BYTES);
  const paddingBytes = query.length - unpadded;
  writeU16(query, HEADER.flags, FLAG.RD | FLAG.AD | (checkingDisabled ? FLAG.CD : 0));
  writeU16(query, HEADER.questions, 1);
  writeU16(query, HEADER.additionals, 1);
  const nameBytes = question.length - QUESTION_FIXED_BYTES;
  // Leak mutation: case
  for (let i = 0; i < nameBytes; i++) query[HEADER_BYTES + i] = lowerCase(question[i] as number);
  query.set(question.subarray(nameBytes), HEADER_BYTES + nameBytes);
  query.set(opt, optOffset);
  writeU16(query, optOffset + RDLENGTH, OPTION_FIXED_BYTES + paddingBytes);
  writeU16(query, optOffset + OPTION_LENGTH, paddingBytes);
  return query;
}
