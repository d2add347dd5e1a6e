import { readU16, writeU32 } from './bytes.ts';
import { HEADER, HEADER_BYTES } from './header.ts';
import { skipPlainName } from './name.ts';
import { clampTtl, createRecordReader } from './record.ts';
import { TYPE } from './tables.ts';

/**
 * Takes `seconds` off every TTL of a response, in place: what RFC 8484 §5.1 asks for when an HTTP cache says with `Age` how long it
 * has held the response. Stops at the first record that is not well-formed; whoever reads the message on will reject it there.
 */
export function subtractAge(wire: Uint8Array, seconds: number): void {
  const readRecord = createRecordReader();
  const records = readU16(wire, HEADER.answers) + readU16(wire, HEADER.authorities) + readU16(wire, HEADER.additionals);
  const nameEnd = skipPlainName(wire, HEADER_BYTES);
  if (nameEnd === -1) return;
  let offset = nameEnd + 4;
  for (let i = 0; i < records; i++) {
    const record = readRecord(wire, offset);
    if (record === undefined) return;
    // The TTL field of an OPT record is no time (RFC 6891 §6.1.3).
    if (record.type !== TYPE.OPT) writeU32(wire, record.ttlOffset, Math.max(0, clampTtl(record.ttl) - seconds));
    offset = record.end;
  }
}
