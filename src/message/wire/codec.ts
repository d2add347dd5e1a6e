import { type Answer as PacketRecord, DNSSEC_OK, decode, type DecodedPacket, encode } from 'dns-packet';
import { HEADER_BYTES, QUESTION_FIXED_BYTES } from './header.ts';
import { TYPE } from './tables.ts';

/*
 * The only door to dns-packet. It writes what this program authors itself, at start or on a miss, and reads what tests and people are shown.
 * What others wrote (clients' questions, upstream's answers) never passes through it: its names are lossy and it does not compress.
 */

/** An option of an OPT record (RFC 6891 §6.1.2). */
export interface EdnsOption {
  readonly code: number;
  readonly data: Uint8Array;
}

export interface OptRecord {
  /** What this side can take in one datagram. */
  readonly udpPayloadBytes: number;
  readonly dnssecOk: boolean;
  /** The whole RCODE; its upper eight bits go here (RFC 6891 §6.1.3). */
  readonly rcode?: number;
  readonly options?: readonly EdnsOption[];
}

/** An OPT record alone, to be appended to a message. */
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

/** A question in wire form: QNAME, QTYPE, QCLASS IN. For queries of our own; never for a name that a client sent. */
export function encodeQuestion(name: string, type: keyof typeof TYPE): Uint8Array {
  // By number, since dns-packet writes type 0 for a name that is not in its table, such as HTTPS.
  return encode({ questions: [{ type: `UNKNOWN_${TYPE[type]}` as 'A', name }] }).subarray(HEADER_BYTES);
}

/** A resource record of our own. */
export type OwnRecord = PacketRecord;

/** Records in wire form, without compression, so that they mean the same wherever in a message they stand. */
export function encodeRecords(records: readonly OwnRecord[]): Uint8Array {
  return encode({ answers: [...records] }).subarray(HEADER_BYTES);
}

/** A name in wire form. Only for names of our own: of others' it would lose octets. */
export function encodeName(name: string): Uint8Array {
  const question = encodeQuestion(name, 'A');
  return question.subarray(0, question.length - QUESTION_FIXED_BYTES);
}

export function decodeMessage(wire: Uint8Array): DecodedPacket {
  return decode(Buffer.from(wire.buffer, wire.byteOffset, wire.length));
}
