import { readU16, readU32 } from './bytes.ts';
import { MAX_NAME_BYTES, readName } from './name.ts';

/** TYPE, CLASS, TTL and RDLENGTH, between a record's owner and its RDATA (RFC 1035 §4.1.3). */
export const RECORD_FIXED_BYTES = 10;

const MAX_TTL_SECONDS = 0x7fff_ffff;

/** MINIMUM is the last of SOA's five 32-bit fields, which stand behind two names of at least one octet each (RFC 1035 §3.3.13). */
const SOA_MINIMUM_FROM_END = 4;
const SOA_MIN_BYTES = 5 * 4 + 2;

/** One resource record, as offsets into its message. */
export interface ResourceRecord {
  readonly start: number;
  /** The owner in wire form, uncompressed and in small letters. Valid until the next record is read. */
  readonly owner: Uint8Array;
  readonly type: number;
  readonly class: number;
  /** As in the message: 32 bits, not yet clamped. */
  readonly ttl: number;
  readonly ttlOffset: number;
  readonly dataStart: number;
  /** After the RDATA: where the next record starts. */
  readonly end: number;
}

/** Reads the record at `offset`, or returns undefined if the message ends within it or its owner is no name. */
export type RecordReader = (wire: Uint8Array, offset: number) => ResourceRecord | undefined;

/** A reader with a buffer of its own for the owner, so that a message of a thousand records costs one. */
export function createRecordReader(): RecordReader {
  const ownerBuffer = new Uint8Array(MAX_NAME_BYTES);
  return (wire, offset) => {
    const owner = readName(wire, offset, ownerBuffer);
    if (owner === undefined || owner.end + RECORD_FIXED_BYTES > wire.length) return undefined;
    const fixed = owner.end;
    const dataStart = fixed + RECORD_FIXED_BYTES;
    const end = dataStart + readU16(wire, fixed + 8);
    if (end > wire.length) return undefined;
    return {
      start: offset,
      owner: ownerBuffer.subarray(0, owner.length),
      type: readU16(wire, fixed),
      class: readU16(wire, fixed + 2),
      ttl: readU32(wire, fixed + 4),
      ttlOffset: fixed + 4,
      dataStart,
      end,
    };
  };
}

/** RFC 2181 §8: a TTL is 31 bits, and one with the top bit set is zero. RFC 8767 §4 would have it capped instead; zero is the careful reading. */
export function clampTtl(ttl: number): number {
  return ttl > MAX_TTL_SECONDS ? 0 : ttl;
}

/** MINIMUM of an SOA record: how long nothing may be known, in seconds (RFC 2308 §4). Undefined for RDATA too short to be an SOA's. */
export function soaMinimum(wire: Uint8Array, record: ResourceRecord): number | undefined {
  if (record.end - record.dataStart < SOA_MIN_BYTES) return undefined;
  return clampTtl(readU32(wire, record.end - SOA_MINIMUM_FROM_END));
}
