import { readU16, writeU16 } from './bytes.ts';
import { type EdnsOption, encodeOpt } from './codec.ts';
import { EDNS_OPTION, readOptions } from './edns-options.ts';

/** RFC 8914 §2. */
const INFO_CODE_BYTES = 2;

/** What is advertised and never exceeded over UDP: fits every path without fragments (RFC 9715 §3, DNS flag day 2020). */
export const UDP_PAYLOAD_BYTES = 1232;

/** RFC 8914: why an answer is what it is. */
export interface ExtendedError {
  /** INFO-CODE (IANA "Extended DNS Error Codes"). */
  readonly code: number;
  /** EXTRA-TEXT, for a person. Never a name that was asked for. */
  readonly text: string;
}

const OPT_TEMPLATES = [false, true].map((dnssecOk) => encodeOpt({ udpPayloadBytes: UDP_PAYLOAD_BYTES, dnssecOk }));

/** The OPT record of a reply without anything to say. Shared: not to be changed. */
function plainOpt(dnssecOk: boolean): Uint8Array {
  return OPT_TEMPLATES[dnssecOk ? 1 : 0] as Uint8Array;
}

/** What a reply's OPT record has to say beside our payload size. */
export interface ReplyEdns {
  readonly dnssecOk: boolean;
  readonly rcode: number;
  readonly error: ExtendedError | undefined;
  /** How long the client's connection is kept idle, in milliseconds, where it asked for that. */
  readonly keepaliveMs: number | undefined;
  /** How the answer came, as `encodeProvenance` writes it, for a client that may know and asked. */
  readonly provenance: Uint8Array | undefined;
}

/** The OPT record of a reply. Shared where there is nothing special in it: not to be changed. */
export function replyOpt({ dnssecOk, rcode, error, keepaliveMs, provenance }: ReplyEdns): Uint8Array {
  if (error === undefined && keepaliveMs === undefined && provenance === undefined && rcode <= 0xf) {
    return plainOpt(dnssecOk);
  }
  const options: EdnsOption[] = [];
  if (error !== undefined) options.push({ code: EDNS_OPTION.extendedError, data: encodeExtendedError(error) });
  if (keepaliveMs !== undefined) options.push({ code: EDNS_OPTION.keepalive, data: encodeKeepalive(keepaliveMs) });
  if (provenance !== undefined) options.push({ code: EDNS_OPTION.provenance, data: provenance });
  return encodeOpt({ udpPayloadBytes: UDP_PAYLOAD_BYTES, dnssecOk, rcode, options });
}

/** RFC 7828 §3.1: TIMEOUT counts in units of 100 ms. */
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

/** What of others' EXTRA-TEXT is passed on: no more than fits beside an answer in any datagram. */
const MAX_TEXT_BYTES = 200;

/**
 * The first extended error in the RDATA of an OPT record, `start` to `end`: why an upstream answered as it did. Undefined without one, and
 * for options that are not well-formed.
 */
export function readExtendedError(wire: Uint8Array, start: number, end: number): ExtendedError | undefined {
  const option = readOptions(wire, start, end)?.find(
    ({ code, dataStart, dataEnd }) => code === EDNS_OPTION.extendedError && dataEnd - dataStart >= INFO_CODE_BYTES,
  );
  if (option === undefined) return undefined;
  const textStart = option.dataStart + INFO_CODE_BYTES;
  const octets = wire.subarray(textStart, Math.min(option.dataEnd, textStart + MAX_TEXT_BYTES));
  // As a stream, so that a character that the limit cuts in two is left out. What is no UTF-8 at all would grow to three times its size.
  const text = new TextDecoder().decode(octets, { stream: true });
  return { code: readU16(wire, option.dataStart), text: Buffer.byteLength(text) <= MAX_TEXT_BYTES ? text : '' };
}
