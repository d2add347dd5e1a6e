import { readU16, readU32 } from './bytes.ts';
import { LOWEST_POINTER, MAX_NAME_BYTES, POINTER_BYTES, readName } from './name.ts';
import { TYPE } from './tables.ts';

/** TYPE, CLASS, TTL and RDLENGTH: the fields between a record's owner and its RDATA (RFC 1035 §4.1.3). */
export const RECORD_FIXED_BYTES = 10;

/** TYPE and CLASS: from the start of the TYPE field to the TTL. */
export const TYPE_TO_TTL_BYTES = 4;

/** The largest TTL: 31 bits (RFC 2181 §8). */
const MAX_TTL_SECONDS = 0x7fff_ffff;

/**
 * Maximum TTL in our cache and in replies: an upstream error ends within a day. RFC 8767 §4 recommends a maximum of
 * days to weeks.
 */
export const MAX_POSITIVE_SECONDS = 86_400;

/** RFC 2308 §5: "Values of one to three hours have been found to work well and would make sensible a default." */
export const MAX_NEGATIVE_SECONDS = 10_800;

/** MINIMUM is the last of an SOA's five 32-bit fields, after two names of at least one octet (RFC 1035 §3.3.13). */
const SOA_MINIMUM_FROM_END = 4;
const SOA_MIN_BYTES = 5 * 4 + 2;

/** One resource record, as offsets into its message. */
export interface ResourceRecord {
  readonly start: number;
  /**
   * The owner in wire form, uncompressed and in lower case. Valid until the next record is read. Consecutive records
   * whose owners are the same pointer share one view.
   */
  readonly owner: Uint8Array;
  readonly type: number;
  readonly class: number;
  /** As in the message: 32 bits, not clamped yet. */
  readonly ttl: number;
  readonly ttlOffset: number;
  readonly dataStart: number;
  /** Offset after the RDATA, where the next record starts. */
  readonly end: number;
}

/** Reads the record at `offset`. Returns undefined if the message ends within it or its owner is not a valid name. */
type RecordReader = (wire: Uint8Array, offset: number) => ResourceRecord | undefined;

/**
 * Creates a reader for the records of one message, in order. All records share one buffer for the owner. A run of
 * records with the same pointer as owner, such as an RRset, decodes it once.
 */
export function createRecordReader(): RecordReader {
  const ownerBuffer = new Uint8Array(MAX_NAME_BYTES);
  let owner = ownerBuffer;
  let pointer = 0;
  return (wire, offset) => {
    let fixed = offset + POINTER_BYTES;
    // An owner that is not just a pointer starts with a label, and its first 16 bits are below those of any pointer.
    const start = fixed <= wire.length ? readU16(wire, offset) : 0;
    if (start !== pointer || start < LOWEST_POINTER) {
      const name = readName(wire, offset, ownerBuffer);
      if (name === undefined) return undefined;
      owner = ownerBuffer.subarray(0, name.length);
      fixed = name.end;
      pointer = start;
    }
    if (fixed + RECORD_FIXED_BYTES > wire.length) return undefined;
    const dataStart = fixed + RECORD_FIXED_BYTES;
    const end = dataStart + readU16(wire, fixed + 8);
    if (end > wire.length) return undefined;
    return {
      start: offset,
      owner,
      type: readU16(wire, fixed),
      class: readU16(wire, fixed + 2),
      ttl: readU32(wire, fixed + 4),
      ttlOffset: fixed + 4,
      dataStart,
      end,
    };
  };
}

/**
 * RFC 2181 §8: a TTL with the top bit set counts as zero. RFC 8767 §4 would cap it instead; zero is the safe choice.
 */
export function clampTtl(ttl: number): number {
  return ttl > MAX_TTL_SECONDS ? 0 : ttl;
}

/**
 * MINIMUM of an SOA record: the TTL of negative answers in seconds (RFC 2308 §4). Undefined if the RDATA is too short.
 */
export function soaMinimum(wire: Uint8Array, record: ResourceRecord): number | undefined {
  if (record.end - record.dataStart < SOA_MIN_BYTES) return undefined;
  return clampTtl(readU32(wire, record.end - SOA_MINIMUM_FROM_END));
}

/**
 * The type of a record or, for RRSIG, the type that it covers: its first field (RFC 4034 §3.1.1). -1 if the RDATA of an
 * RRSIG record is too short.
 */
export function subjectType(wire: Uint8Array, record: ResourceRecord): number {
  if (record.type !== TYPE.RRSIG) return record.type;
  return record.end - record.dataStart < 2 ? -1 : readU16(wire, record.dataStart);
}
