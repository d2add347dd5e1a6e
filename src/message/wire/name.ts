import { readU16 } from './bytes.ts';
import { HEADER_BYTES } from './header.ts';

/** RFC 1035 §2.3.4: a name in wire form, its length octets and the root included. */
export const MAX_NAME_BYTES = 255;

/** RFC 1035 §2.3.4: a label has at most 63 octets; longer length octets are pointers (§4.1.4) or unassigned (RFC 6891 §5). */
export const MAX_LABEL_BYTES = 63;
const POINTER = 0xc0;
export const POINTER_BYTES = 2;
const POINTER_OFFSET_MASK = 0x3fff;

/** The lowest compression pointer as a 16-bit number. Any lower number begins with a label. */
export const LOWEST_POINTER = 0xc000;

/**
 * A name has at most 127 labels, since each but the root takes two octets of 255, and a compressor has no use for more pointers than labels.
 * Without this bound a message could make each of its thousands of records walk the same chain of thousands of pointers.
 */
const MAX_POINTERS = 127;

/** The octet with ASCII letters made small, for comparison (RFC 4343 §3). Any other octet stays: a label may hold any. */
export function lowerCase(octet: number): number {
  return octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
}

/**
 * The offset after the uncompressed name at `offset`, or -1 if none is there. For the question of a query, where nothing stands before
 * the name that a pointer could mean.
 */
export function skipPlainName(wire: Uint8Array, offset: number): number {
  const limit = Math.min(wire.length, offset + MAX_NAME_BYTES);
  while (offset < limit) {
    const length = wire[offset] as number;
    if (length > MAX_LABEL_BYTES) return -1;
    offset += 1 + length;
    if (length === 0) return offset;
  }
  return -1;
}

/** A name read out of a message: where it ends there, and how long it is when it stands alone. */
export interface NameExtent {
  /** Offset after the name in the message, after the pointer if it ends in one. */
  readonly end: number;
  /** Octets written to the target. */
  readonly length: number;
}

/**
 * Copies the name at `offset` into `target` (of MAX_NAME_BYTES), without compression and, unless `keepCase`, in small letters.
 * Returns undefined for what is no name: cut off, too long, an unassigned label type, too many pointers, or a pointer that does not point
 * strictly backwards (RFC 1035 §4.1.4 "a prior occurrence"), which is what makes a loop impossible. The header holds no name, and
 * its octets change on the way to a client. What a pointer leads to ends before the name that has the pointer begins, so that no name
 * depends on what follows it, which may be cut off.
 */
export function readName(
  wire: Uint8Array,
  offset: number,
  target: Uint8Array,
  keepCase = false,
): NameExtent | undefined {
  let end = -1;
  let lowestSeen = offset;
  let limit = wire.length;
  let length = 0;
  let pointers = 0;
  for (;;) {
    const octet = wire[offset];
    if (octet === undefined) return undefined;
    if (octet >= POINTER) {
      if (offset + POINTER_BYTES > limit) return undefined;
      const destination = readU16(wire, offset) & POINTER_OFFSET_MASK;
      if (destination >= lowestSeen || destination < HEADER_BYTES || ++pointers > MAX_POINTERS) return undefined;
      if (end === -1) end = offset + POINTER_BYTES;
      limit = lowestSeen;
      lowestSeen = destination;
      offset = destination;
      continue;
    }
    if (octet > MAX_LABEL_BYTES) return undefined;
    const labelEnd = offset + 1 + octet;
    if (labelEnd > limit || length + 1 + octet > MAX_NAME_BYTES) return undefined;
    target[length++] = octet;
    for (let i = offset + 1; i < labelEnd; i++) {
      const letter = wire[i] as number;
      target[length++] = keepCase ? letter : lowerCase(letter);
    }
    offset = labelEnd;
    if (octet === 0) return { end: end === -1 ? offset : end, length };
  }
}

/**
 * Whether `name` (wire form, lower case) is the name at `offset` or an ancestor of it. The name at `offset` must be
 * valid and uncompressed.
 */
export function isAtOrAbove(name: Uint8Array, wire: Uint8Array, offset: number): boolean {
  const end = skipPlainName(wire, offset);
  let start = offset;
  while (end - start > name.length) start += 1 + (wire[start] as number);
  if (end - start !== name.length) return false;
  for (let i = 0; i < name.length; i++) if (lowerCase(wire[start + i] as number) !== name[i]) return false;
  return true;
}

/** Octets as a string, one to a character, for maps and sets: nothing is lost, as it would be with labels read as text. */
export function octetString(octets: Uint8Array): string {
  return Buffer.prototype.latin1Slice.call(octets, 0, octets.length);
}

/** A name that `octetString` made, and those that remain as its labels are taken away one by one, the root last. */
export function* withAncestors(name: string): Generator<string> {
  for (let start = 0; start < name.length; start += 1 + name.charCodeAt(start)) yield name.slice(start);
}
