import { readU16 } from './bytes.ts';

/** EDNS(0) option codes (IANA "DNS EDNS0 Option Codes") that are spoken here. */
export const EDNS_OPTION = {
  keepalive: 11,
  padding: 12,
  extendedError: 15,
  /** Of those for local use (65001 to 65534, RFC 6891 §9): how an answer came, as `provenance.ts` has it. */
  provenance: 65313,
} as const;

/** OPTION-CODE and OPTION-LENGTH (RFC 6891 §6.1.2). */
const OPTION_HEADER_BYTES = 4;

/** Where one option's data stands in a message. */
export interface OptionExtent {
  readonly code: number;
  readonly dataStart: number;
  readonly dataEnd: number;
}

/** The options in the RDATA of an OPT record, `start` to `end`; undefined where their lengths do not add up. */
export function readOptions(wire: Uint8Array, start: number, end: number): OptionExtent[] | undefined {
  const options: OptionExtent[] = [];
  let offset = start;
  while (offset < end) {
    const dataStart = offset + OPTION_HEADER_BYTES;
    if (dataStart > end) return undefined;
    const dataEnd = dataStart + readU16(wire, offset + 2);
    if (dataEnd > end) return undefined;
    options.push({ code: readU16(wire, offset), dataStart, dataEnd });
    offset = dataEnd;
  }
  return options;
}
