import { readU16 } from './bytes.ts';

/** Size of the header of a message (RFC 1035 §4.1.1). */
export const HEADER_BYTES = 12;

/** QTYPE and QCLASS, which follow QNAME in the question section (RFC 1035 §4.1.2). */
export const QUESTION_FIXED_BYTES = 4;

/** The largest message: TCP's length field has 16 bits (RFC 1035 §4.2.2). */
export const MAX_MESSAGE_BYTES = 65_535;

/** Bits of the header's second word (RFC 1035 §4.1.1; AD and CD: RFC 4035 §3). */
export const FLAG = {
  QR: 0x8000,
  AA: 0x0400,
  TC: 0x0200,
  RD: 0x0100,
  RA: 0x0080,
  AD: 0x0020,
  CD: 0x0010,
} as const;

/** Offsets of the header's six words (RFC 1035 §4.1.1). */
export const HEADER = { id: 0, flags: 2, qdcount: 4, ancount: 6, nscount: 8, arcount: 10 } as const;

const OPCODE_SHIFT = 11;
/** Bits of the OPCODE in the flags (RFC 1035 §4.1.1). */
export const OPCODE_MASK = 0x7800;
/** Bits of the RCODE in the flags (RFC 1035 §4.1.1). */
export const RCODE_MASK = 0x000f;

/** Reads the second 16 bits of the header: QR, OPCODE, the flags and RCODE. */
export function flagsOf(wire: Uint8Array): number {
  return readU16(wire, HEADER.flags);
}

/** Reads the OPCODE. */
export function opcodeOf(wire: Uint8Array): number {
  return (flagsOf(wire) & OPCODE_MASK) >>> OPCODE_SHIFT;
}

/** The RCODE's lower four bits. The upper eight of an extended RCODE are in the OPT record (RFC 6891 §6.1.3). */
export function rcodeOf(wire: Uint8Array): number {
  return flagsOf(wire) & RCODE_MASK;
}
