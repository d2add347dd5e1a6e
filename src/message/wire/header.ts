import { readU16 } from './bytes.ts';

/** The header of a message (RFC 1035 §4.1.1). */
export const HEADER_BYTES = 12;

/** What the length field of TCP, and so any message, can hold (RFC 1035 §4.2.2). */
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

/** Where the header's words stand. */
export const HEADER = { id: 0, flags: 2, questions: 4, answers: 6, authorities: 8, additionals: 10 } as const;

const OPCODE_SHIFT = 11;
export const OPCODE_MASK = 0x7800;
export const RCODE_MASK = 0x000f;

export function flagsOf(wire: Uint8Array): number {
  return readU16(wire, HEADER.flags);
}

export function opcodeOf(wire: Uint8Array): number {
  return (flagsOf(wire) & OPCODE_MASK) >>> OPCODE_SHIFT;
}

/** The four bits in the header; an extended RCODE has more of them in the OPT record. */
export function rcodeOf(wire: Uint8Array): number {
  return flagsOf(wire) & RCODE_MASK;
}
