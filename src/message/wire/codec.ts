import { type DecodedPacket, DNSSEC_OK, decode, encode, type Answer as PacketRecord } from 'dns-packet';
import { HEADER_BYTES, QUESTION_FIXED_BYTES } from './header.ts';
import { TYPE } from './tables.ts';

/*
 * The only file that imports dns-packet. It encodes what dns4tor authors itself: OPT records, local answers and probes.
 * Messages from clients and upstreams never pass through it, because dns-packet decodes names with loss and does not
 * compress.
 */

/** An option of an OPT record (RFC 6891 §6.1.2). */
export interface EdnsOption {
  readonly code: number;
  readonly data: Uint8Array;
}

interface OptRecord {
  /** The largest datagram that we accept. */
  readonly udpPayloadBytes: number;
  readonly dnssecOk: boolean;
  /** The full RCODE. Its upper eight bits go into the OPT record (RFC 6891 §6.1.3). @default 0 */
  readonly rcode?: number;
  readonly options?: readonly EdnsOption[];
}

/** Encodes an OPT record, to be appended to a message. */
export function encodeOpt(opt: OptRecord): Uint8Array {
  const message = encode({
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: opt.udpPayloadBytes,
        extendedRcode: (opt.rcode ?? 0) >>> 4,
        ednsVersion: 0,
        flags: opt.dnssecOk ? DNSSEC_OK : 0,
        flag_do: opt.dnssecOk,
        options: (opt.options ?? []).map(({ code, data }) => ({ code, data: Buffer.from(data) })) as never,
      },
    ],
  });
  return message.subarray(HEADER_BYTES);
}

/** Encodes a question: QNAME, QTYPE, QCLASS IN. Only for our own queries, never for a client's name. */
export function encodeQuestion(name: string, type: keyof typeof TYPE): Uint8Array {
  // By number: dns-packet writes type 0 for types that it does not know by name, such as HTTPS.
  return encode({ questions: [{ type: `UNKNOWN_${TYPE[type]}` as 'A', name }] }).subarray(HEADER_BYTES);
}

/** A resource record that dns4tor authors. */
export type OwnRecord = PacketRecord;

/** Encodes records without compression, so they are valid anywhere in a message. */
export function encodeRecords(records: readonly OwnRecord[]): Uint8Array {
  return encode({ answers: [...records] }).subarray(HEADER_BYTES);
}

/** Encodes a name. Only for our own names: others could lose octets. */
export function encodeName(name: string): Uint8Array {
  const question = encodeQuestion(name, 'A');
  return question.subarray(0, question.length - QUESTION_FIXED_BYTES);
}

/** Decodes a message, for `check` and tests. Lossy for names with unusual octets. */
export function decodeMessage(wire: Uint8Array): DecodedPacket {
  return decode(Buffer.from(wire.buffer, wire.byteOffset, wire.length));
}
