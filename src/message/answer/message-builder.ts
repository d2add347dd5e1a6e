import { Dns4torError } from '../../failures/errors.ts';
import { readU16, writeU16 } from '../wire/bytes.ts';
import { HEADER, HEADER_BYTES, MAX_MESSAGE_BYTES } from '../wire/header.ts';
import { LOWEST_POINTER, MAX_NAME_BYTES, octetString, POINTER_BYTES, readName, withAncestors } from '../wire/name.ts';
import { RECORD_FIXED_BYTES, type ResourceRecord } from '../wire/record.ts';
import { dataLayout } from '../wire/record-data.ts';

/** A section of records, by the offset of its count in the header. */
export type Section = typeof HEADER.ancount | typeof HEADER.nscount | typeof HEADER.arcount;

/** RFC 1035 §4.1.4: a pointer has 14 bits. */
const MAX_POINTER_TARGET = 0x3fff;

const ROOT_LENGTH = 1;

/**
 * Builds a message from records of other messages. Names are written anew, because a compression pointer is only valid
 * in the message that it comes from. Everything else is copied as bytes.
 */
export class MessageBuilder {
  readonly #bytes = new Uint8Array(MAX_MESSAGE_BYTES);
  readonly #nameBuffer = new Uint8Array(MAX_NAME_BYTES);
  /** Offsets of the names written so far, by name. */
  readonly #offsets = new Map<string, number>();
  #end: number;

  /**
   * Starts a message with the ID, flags and question of another.
   * @param questionEnd offset after its question, whose name is valid
   */
  constructor(wire: Uint8Array, questionEnd: number) {
    this.#bytes.set(wire.subarray(0, questionEnd));
    for (const section of [HEADER.ancount, HEADER.nscount, HEADER.arcount]) writeU16(this.#bytes, section, 0);
    writeU16(this.#bytes, HEADER.qdcount, 1);
    this.#end = HEADER_BYTES;
    this.#writeName(wire, HEADER_BYTES);
    this.#end = questionEnd;
  }

  /** Length of the message so far. */
  get length(): number {
    return this.#end;
  }

  /** Appends encoded records whose only pointers lead to QNAME. */
  append(section: Section, records: { readonly bytes: Uint8Array; readonly count: number }): void {
    this.#reserve(records.bytes.length);
    this.#bytes.set(records.bytes, this.#end);
    this.#end += records.bytes.length;
    this.#count(section, records.count);
  }

  /**
   * Copies a record. Sections must be written in order.
   * @throws Dns4torError ERR_RESPONSE_MALFORMED if a name is invalid or the message becomes too large
   */
  copy(section: Section, wire: Uint8Array, record: ResourceRecord): void {
    const { start, type, dataStart, end } = record;
    this.#writeName(wire, start);
    const fixedStart = this.#end;
    this.#copyOctets(wire, dataStart - RECORD_FIXED_BYTES, dataStart);
    const ownDataStart = this.#end;
    const { before, names } = dataLayout(type) ?? { before: end - dataStart, names: 0 };
    let offset = this.#copyOctets(wire, dataStart, Math.min(end, dataStart + before));
    for (let i = 0; i < names; i++) offset = this.#writeName(wire, offset, false);
    if (offset > end) throw malformed();
    this.#copyOctets(wire, offset, end);
    writeU16(this.#bytes, fixedStart + RECORD_FIXED_BYTES - 2, this.#end - ownDataStart);
    this.#count(section, 1);
  }

  /** The finished message. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#end);
  }

  #count(section: Section, count: number): void {
    writeU16(this.#bytes, section, readU16(this.#bytes, section) + count);
  }

  #reserve(length: number): void {
    if (this.#end + length > MAX_MESSAGE_BYTES) throw malformed();
  }

  #copyOctets(wire: Uint8Array, start: number, end: number): number {
    this.#reserve(end - start);
    this.#bytes.set(wire.subarray(start, end), this.#end);
    this.#end += end - start;
    return end;
  }

  /**
   * Writes the name at `offset`. Returns the offset after it.
   * @param isCompressed owners may be compressed in any record. In RDATA, only some types allow it (RFC 3597 §4).
   */
  #writeName(wire: Uint8Array, offset: number, isCompressed = true): number {
    const extent = readName(wire, offset, this.#nameBuffer, true);
    if (extent === undefined) throw malformed();
    this.#reserve(extent.length);
    const name = octetString(this.#nameBuffer.subarray(0, extent.length));
    let written = 0;
    for (const suffix of withAncestors(name)) {
      if (suffix.length === ROOT_LENGTH) break;
      const known = isCompressed ? this.#offsets.get(suffix) : undefined;
      const position = this.#end + written;
      if (known !== undefined) {
        this.#bytes.set(this.#nameBuffer.subarray(0, written), this.#end);
        writeU16(this.#bytes, position, LOWEST_POINTER | known);
        this.#end = position + POINTER_BYTES;
        return extent.end;
      }
      if (position <= MAX_POINTER_TARGET && !this.#offsets.has(suffix)) this.#offsets.set(suffix, position);
      written += 1 + suffix.charCodeAt(0);
    }
    this.#bytes.set(this.#nameBuffer.subarray(0, extent.length), this.#end);
    this.#end += extent.length;
    return extent.end;
  }
}

function malformed(): Dns4torError {
  return new Dns4torError('ERR_RESPONSE_MALFORMED');
}
