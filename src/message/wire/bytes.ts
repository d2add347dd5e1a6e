/*
 * Big-endian integers in a message (RFC 1035 §2.3.2). The caller checks that the bytes exist.
 */

export function readU16(wire: Uint8Array, offset: number): number {
  return ((wire[offset] as number) << 8) | (wire[offset + 1] as number);
}

/** Reads an unsigned 32-bit integer in network byte order. */
export function readU32(wire: Uint8Array, offset: number): number {
  return readU16(wire, offset) * 0x1_0000 + readU16(wire, offset + 2);
}

/** Writes an unsigned 16-bit integer in network byte order. */
export function writeU16(wire: Uint8Array, offset: number, value: number): void {
  wire[offset] = value >>> 8;
  wire[offset + 1] = value;
}

/** Writes an unsigned 32-bit integer in network byte order. */
export function writeU32(wire: Uint8Array, offset: number, value: number): void {
  writeU16(wire, offset, value >>> 16);
  writeU16(wire, offset + 2, value);
}

/** Copies octets `start` to `end` to the beginning of `target`. Allocates no view, unlike `subarray` and `set`. */
export function copyOctets(source: Uint8Array, start: number, end: number, target: Uint8Array): void {
  Buffer.prototype.copy.call(source, target, 0, start, end);
}
