import { encodeOpt } from './codec.ts';
import { writeU16 } from './bytes.ts';

/** EDNS(0) option codes (IANA "DNS EDNS0 Option Codes") that are spoken here. */
export const EDNS_OPTION = { padding: 12, extendedError: 15 } as const;

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
export function plainOpt(dnssecOk: boolean): Uint8Array {
  return OPT_TEMPLATES[dnssecOk ? 1 : 0] as Uint8Array;
}

/** The OPT record of a reply with an extended RCODE or an extended error. */
export function replyOpt(dnssecOk: boolean, rcode: number, error: ExtendedError | undefined): Uint8Array {
  if (error === undefined && rcode <= 0xf) return plainOpt(dnssecOk);
  const options = error === undefined ? [] : [{ code: EDNS_OPTION.extendedError, data: encodeExtendedError(error) }];
  return encodeOpt({ udpPayloadBytes: UDP_PAYLOAD_BYTES, dnssecOk, rcode, options });
}

/** RFC 8914 §2: INFO-CODE, then EXTRA-TEXT in UTF-8 without a terminator. */
function encodeExtendedError({ code, text }: ExtendedError): Uint8Array {
  const data = new Uint8Array(2 + Buffer.byteLength(text));
  writeU16(data, 0, code);
  data.set(Buffer.from(text), 2);
  return data;
}
