import { readU16 } from './bytes.ts';
import { HEADER_BYTES } from './header.ts';

/** Maximum size of a name in wire form, with length octets and the root (RFC 1035 §2.3.4). */
export const MAX_NAME_BYTES = 255;

/** Maximum label (RFC 1035 §2.3.4). Larger length octets are pointers (§4.1.4) or unassigned (RFC 6891 §5). */
export const MAX_LABEL_BYTES = 63;
const POINTER = 0xc0;
/** Length of a compression pointer (RFC 1035 §4.1.4). */
export const POINTER_BYTES = 2;
const POINTER_OFFSET_MASK = 0x3fff;

/** The lowest compression pointer as a 16-bit number. A lower number starts with a label. */
export const LOWEST_POINTER = 0xc000;

/**
 * Maximum pointers in one name. A name has at most 127 labels (two octets or more each, of 255), and a compressor never
 * needs more pointers than labels. Without this bound, thousands of records could each follow a chain of thousands of
 * pointers.
 */
const MAX_POINTERS = 127;

/** Lowers an ASCII letter, for comparison (RFC 4343 §3). Returns other octets unchanged: a label may contain any. */
export function lowerCase(octet: number): number {
  return octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
}

/**
 * Skips the uncompressed name at `offset`. Returns the offset after it, or -1 if it is invalid. Used for the question,
 * which comes first in a message, so a pointer in it has nothing to point to.
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

/** The size of a name in a message and without compression. */
interface NameExtent {
  /** Offset after the name in the message, or after the pointer that ends it. */
  readonly end: number;
  /** Octets written to the target. */
  readonly length: number;
}

/**
 * Copies the name at `offset` into `target` (of MAX_NAME_BYTES), uncompressed and, unless `keepCase`, in lower case.
 * Returns undefined if the name is invalid:
 *
 * - It is cut off, too long, or has an unassigned label type.
 * - It has more than {@link MAX_POINTERS} pointers.
 * - A pointer does not point strictly backwards (RFC 1035 §4.1.4 "a prior occurrence"). This rule makes loops
 *   impossible.
 * - A pointer points into the header, whose octets change on the way to a client.
 * - The part that a pointer leads to does not end before the name with the pointer starts. So no name depends on octets
 *   behind it, which may be cut off.
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

/** Converts octets to a string for maps and sets, one character per octet. Lossless, unlike decoding labels as text. */
export function octetString(octets: Uint8Array): string {
  return Buffer.prototype.latin1Slice.call(octets, 0, octets.length);
}

/** Yields a name (as `octetString` returns it) and its ancestors, the root last. */
export function* withAncestors(name: string): Generator<string> {
  for (let start = 0; start < name.length; start += 1 + name.charCodeAt(start)) yield name.slice(start);
}
