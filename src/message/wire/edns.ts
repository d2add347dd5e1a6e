import { readU16, writeU16 } from './bytes.ts';
import { type EdnsOption, encodeOpt } from './codec.ts';
import { RCODE_MASK } from './header.ts';

/**
 * Advertised in OPT, and the limit of our UDP replies: avoids fragmentation on every path (RFC 9715 §3, DNS flag day
 * 2020).
 */
export const UDP_PAYLOAD_BYTES = 1232;

/** The DO bit in the low half of the OPT record's TTL field (RFC 3225 §3, RFC 6891 §6.1.3). */
export const DNSSEC_OK = 0x8000;

/** OPTION-CODE and OPTION-LENGTH (RFC 6891 §6.1.2). */
export const OPTION_HEADER_BYTES = 4;

/** INFO-CODE of an Extended DNS Error (RFC 8914 §2). */
export const INFO_CODE_BYTES = 2;

/** Maximum EXTRA-TEXT passed on from an upstream, in octets: fits beside an answer in any datagram. */
const MAX_EXTRA_TEXT_BYTES = 200;

/** EDNS(0) option codes that dns4tor uses (IANA "DNS EDNS0 Option Codes"). */
export const EDNS_OPTION = {
  keepalive: 11,
  padding: 12,
  extendedError: 15,
  /** Where an answer came from: see `provenance.ts`. From the range for local use, 65001 to 65534 (RFC 6891 §9). */
  provenance: 65313,
} as const;

/** Where one option's data is in a message. */
interface OptionExtent {
  readonly code: number;
  readonly dataStart: number;
  readonly dataEnd: number;
}

/** An Extended DNS Error: why an answer is what it is (RFC 8914). */
export interface ExtendedError {
  /** INFO-CODE (IANA "Extended DNS Error Codes"). */
  readonly code: number;
  /** EXTRA-TEXT, for people. Never contains a query name. */
  readonly text: string;
}

/** What a reply's OPT record contains besides our UDP payload size. */
export interface ReplyEdns {
  readonly dnssecOk: boolean;
  readonly rcode: number;
  readonly error: ExtendedError | undefined;
  /** Idle timeout of the client's connection, in milliseconds, if the client asked for it. */
  readonly keepaliveMs: number | undefined;
  /** The data of the provenance option (`encodeProvenance`), if the client asked for it and may know. */
  readonly provenance: Uint8Array | undefined;
}

const PLAIN_OPTS = [false, true].map((dnssecOk) => encodeOpt({ udpPayloadBytes: UDP_PAYLOAD_BYTES, dnssecOk }));

/** The OPT record of a reply. Read-only: replies without options share one array. */
export function replyOpt({ dnssecOk, rcode, error, keepaliveMs, provenance }: ReplyEdns): Uint8Array {
  if (error === undefined && keepaliveMs === undefined && provenance === undefined && rcode <= RCODE_MASK) {
    return PLAIN_OPTS[dnssecOk ? 1 : 0] as Uint8Array;
  }
  const options: EdnsOption[] = [];
  if (error !== undefined) options.push({ code: EDNS_OPTION.extendedError, data: encodeExtendedError(error) });
  if (keepaliveMs !== undefined) options.push({ code: EDNS_OPTION.keepalive, data: encodeKeepalive(keepaliveMs) });
  if (provenance !== undefined) options.push({ code: EDNS_OPTION.provenance, data: provenance });
  return encodeOpt({ udpPayloadBytes: UDP_PAYLOAD_BYTES, dnssecOk, rcode, options });
}

/** RFC 7828 §3.1: TIMEOUT is in units of 100 ms. */
function encodeKeepalive(keepaliveMs: number): Uint8Array {
  const data = new Uint8Array(2);
  writeU16(data, 0, Math.min(Math.floor(keepaliveMs / 100), 0xffff));
  return data;
}

/** RFC 8914 §2: INFO-CODE, then EXTRA-TEXT in UTF-8 without a terminator. */
function encodeExtendedError({ code, text }: ExtendedError): Uint8Array {
  const data = new Uint8Array(INFO_CODE_BYTES + Buffer.byteLength(text));
  writeU16(data, 0, code);
  data.set(Buffer.from(text), INFO_CODE_BYTES);
  return data;
}

/** Reads the options in an OPT record's RDATA, `start` to `end`. Returns undefined if their lengths do not add up. */
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

/**
 * Reads the first extended error in an OPT record's RDATA, `start` to `end`. Returns undefined if there is none or if
 * the options are malformed.
 */
export function readExtendedError(wire: Uint8Array, start: number, end: number): ExtendedError | undefined {
  const option = readOptions(wire, start, end)?.find(
    ({ code, dataStart, dataEnd }) => code === EDNS_OPTION.extendedError && dataEnd - dataStart >= INFO_CODE_BYTES,
  );
  if (option === undefined) return undefined;
  const textStart = option.dataStart + INFO_CODE_BYTES;
  const octets = wire.subarray(textStart, Math.min(option.dataEnd, textStart + MAX_EXTRA_TEXT_BYTES));
  // Streaming mode drops a character that the limit cuts in two.
  const text = new TextDecoder().decode(octets, { stream: true });
  // Octets that are not UTF-8 become replacement characters of three octets each and could exceed the limit.
  return { code: readU16(wire, option.dataStart), text: Buffer.byteLength(text) <= MAX_EXTRA_TEXT_BYTES ? text : '' };
}
