import { decodeReply } from '../fixtures/dns/messages.ts';

export const FLAG = {
  QR: 0x8000,
  AA: 0x0400,
  TC: 0x0200,
  RD: 0x0100,
  RA: 0x0080,
  Z: 0x0040,
  AD: 0x0020,
  CD: 0x0010,
} as const;

export const OPTION = { nsid: 3, clientSubnet: 8, cookie: 10, keepalive: 11, padding: 12, extendedError: 15 } as const;

const RCODES: Readonly<Record<number, string>> = {
  0: 'NOERROR',
  1: 'FORMERR',
  2: 'SERVFAIL',
  3: 'NXDOMAIN',
  4: 'NOTIMP',
  5: 'REFUSED',
  16: 'BADVERS',
};

export interface ReplyRecord {
  readonly name: string;
  readonly type: string;
  readonly ttlSeconds: number;
  readonly data: unknown;
}

export interface ReplyOpt {
  readonly version: number;
  readonly udpPayloadBytes: number;
  readonly dnssecOk: boolean;
  /** By option code. */
  readonly options: ReadonlyMap<number, Buffer>;
}

/** A reply as a standards-compliant client reads it. */
export interface Reply {
  readonly wire: Buffer;
  readonly id: number;
  /** The header bits without opcode and RCODE. */
  readonly flags: number;
  readonly opcode: number;
  /** With the extended RCODE of the OPT record, if any (RFC 6891 §6.1.3). */
  readonly rcode: string;
  readonly answers: readonly ReplyRecord[];
  readonly authorities: readonly ReplyRecord[];
  /** Without OPT. */
  readonly additionals: readonly ReplyRecord[];
  readonly opt: ReplyOpt | undefined;
  /** RFC 8914. */
  readonly ede: { readonly code: number; readonly text: string } | undefined;
}

type Packet = ReturnType<typeof decodeReply>;
type PacketRecord = NonNullable<Packet['answers']>[number];

/** @throws for a malformed message or two OPT records */
export function readReply(wire: Buffer): Reply {
  const packet = decodeReply(wire);
  const word = wire.readUInt16BE(2);
  const additionals = packet.additionals ?? [];
  const opts = additionals.filter((record) => record.type === 'OPT');
  if (opts.length > 1) throw new Error('a reply with two OPT records');
  const [opt] = opts;
  const options = new Map(
    opt?.options.map((option) => {
      const { code, data } = option as unknown as { code: number; data: Buffer };
      return [code, data] as const;
    }),
  );
  const rcode = ((opt?.extendedRcode ?? 0) << 4) | (word & 0xf);
  const error = options.get(OPTION.extendedError);
  return {
    wire,
    id: wire.readUInt16BE(0),
    flags: word & 0x87f0,
    opcode: (word >>> 11) & 0xf,
    rcode: RCODES[rcode] ?? String(rcode),
    answers: (packet.answers ?? []).map(recordOf),
    authorities: (packet.authorities ?? []).map(recordOf),
    additionals: additionals.filter((record) => record.type !== 'OPT').map(recordOf),
    opt: opt && {
      version: opt.ednsVersion,
      udpPayloadBytes: opt.udpPayloadSize,
      dnssecOk: opt.flag_do,
      options,
    },
    ede: error && { code: error.readUInt16BE(0), text: error.toString('utf8', 2) },
  };
}

function recordOf(record: PacketRecord): ReplyRecord {
  const { name, type } = record;
  return {
    name,
    type,
    ttlSeconds: 'ttl' in record ? (record.ttl ?? 0) : 0,
    data: 'data' in record ? record.data : undefined,
  };
}
