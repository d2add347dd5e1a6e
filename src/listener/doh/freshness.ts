import { readU16, readU32 } from '../../message/wire/bytes.ts';
import { HEADER, HEADER_BYTES, QUESTION_FIXED_BYTES } from '../../message/wire/header.ts';
import { LOWEST_POINTER, POINTER_BYTES } from '../../message/wire/name.ts';
import { clampTtl, RECORD_FIXED_BYTES } from '../../message/wire/record.ts';
import { TYPE } from '../../message/wire/tables.ts';

/**
 * How long an HTTP cache may keep a reply, in seconds: the lowest TTL in it. Without answers, also MINIMUM of the SOA
 * record is a bound (RFC 8484 §5.1). 0 for a reply that has neither answers nor an SOA record, such as a failure.
 * @param reply a valid message
 */
export function freshnessSeconds(reply: Uint8Array): number {
  const answers = readU16(reply, HEADER.ancount);
  const authorities = readU16(reply, HEADER.nscount);
  const records = answers + authorities + readU16(reply, HEADER.arcount);
  let offset = HEADER_BYTES;
  if (readU16(reply, HEADER.qdcount) !== 0) offset = skipName(reply, offset) + QUESTION_FIXED_BYTES;
  let lowest = Infinity;
  let isCacheable = answers > 0;
  for (let i = 0; i < records; i++) {
    const fixed = skipName(reply, offset);
    const type = readU16(reply, fixed);
    const end = fixed + RECORD_FIXED_BYTES + readU16(reply, fixed + 8);
    // RFC 6891 §6.1.3: the TTL field of an OPT record holds flags.
    if (type !== TYPE.OPT) lowest = Math.min(lowest, clampTtl(readU32(reply, fixed + 4)));
    if (answers === 0 && type === TYPE.SOA && i < authorities) {
      isCacheable = true;
      // MINIMUM is the last field (RFC 1035 §3.3.13).
      lowest = Math.min(lowest, clampTtl(readU32(reply, end - 4)));
    }
    offset = end;
  }
  return isCacheable ? lowest : 0;
}

/** Returns the offset after the valid name at `offset`. */
function skipName(wire: Uint8Array, offset: number): number {
  for (;;) {
    const octet = wire[offset] as number;
    if (octet === 0) return offset + 1;
    if (octet >= LOWEST_POINTER >>> 8) return offset + POINTER_BYTES;
    offset += 1 + octet;
  }
}
