import { readU16, writeU32 } from '../wire/bytes.ts';
import { HEADER, HEADER_BYTES, QUESTION_FIXED_BYTES } from '../wire/header.ts';
import { skipPlainName } from '../wire/name.ts';
import { clampTtl, createRecordReader, soaMinimum } from '../wire/record.ts';
import { TYPE } from '../wire/tables.ts';

/**
 * Subtracts `seconds` from every TTL of a response, in place. RFC 8484 §5.1 requires it when an HTTP cache reports in
 * `Age` how long it has held the response. Stops at the first malformed record, at which `parseAnswer` rejects the
 * message.
 */
export function subtractAge(wire: Uint8Array, seconds: number): void {
  const readRecord = createRecordReader();
  const answers = readU16(wire, HEADER.ancount);
  const authoritiesEnd = answers + readU16(wire, HEADER.nscount);
  const records = authoritiesEnd + readU16(wire, HEADER.arcount);
  const nameEnd = skipPlainName(wire, HEADER_BYTES);
  if (nameEnd === -1) return;
  let offset = nameEnd + QUESTION_FIXED_BYTES;
  for (let i = 0; i < records; i++) {
    const record = readRecord(wire, offset);
    if (record === undefined) return;
    offset = record.end;
    // The TTL field of an OPT record contains flags (RFC 6891 §6.1.3).
    if (record.type === TYPE.OPT) continue;
    let ttl = clampTtl(record.ttl);
    if (record.type === TYPE.SOA && i >= answers && i < authoritiesEnd) {
      // RFC 2308 §5: the lifetime of a negative answer is the lower of TTL and MINIMUM, so the age counts from there.
      const minimum = soaMinimum(wire, record);
      if (minimum === undefined) return;
      ttl = Math.min(ttl, minimum);
    }
    writeU32(wire, record.ttlOffset, Math.max(0, ttl - seconds));
  }
}
