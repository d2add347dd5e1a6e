/*
 * A strict parser of DNS messages that shares no code with the tested one. It throws for anything that could confuse a
 * client.
 */

const HEADER_BYTES = 12;
const OPT = 41;

export interface StrictRecord {
  /** In wire format without compression, in lower case, one character per octet. */
  readonly owner: string;
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  /** RDATA, one character per octet. Names in known types are uncompressed and in lower case. */
  readonly data: string;
}

export interface StrictOpt {
  readonly udpPayloadBytes: number;
  readonly extendedRcode: number;
  readonly version: number;
  readonly dnssecOk: boolean;
  /** The EDNS flags other than DO. None is assigned (RFC 6891 §6.1.4). */
  readonly unassigned: number;
  readonly options: readonly { readonly code: number; readonly data: Buffer }[];
}

export interface StrictMessage {
  readonly id: number;
  /** The second word of the header. */
  readonly flags: number;
  readonly opcode: number;
  /** Including the extended RCODE. */
  readonly rcode: number;
  /** Its octets as received; empty without a question. */
  readonly question: Buffer;
  readonly answers: readonly StrictRecord[];
  readonly authorities: readonly StrictRecord[];
  /** Without OPT. */
  readonly additionals: readonly StrictRecord[];
  readonly opt: StrictOpt | undefined;
}

export interface Leniency {
  /** Allow any RDATA and trailing octets, as servers do in queries. @default false */
  readonly lenient?: boolean;
}

/** The parts of RDATA: a number of octets, of names, and of octets. */
type Layout = readonly [before: number, names: number, after: number];

const ONE_NAME: Layout = [0, 1, 0];
const LAYOUTS: ReadonlyMap<number, Layout> = new Map<number, Layout>([
  [1, [4, 0, 0]], // A
  [2, ONE_NAME], // NS
  [5, ONE_NAME], // CNAME
  [6, [0, 2, 20]], // SOA
  [12, ONE_NAME], // PTR
  [15, [2, 1, 0]], // MX
  [28, [16, 0, 0]], // AAAA
  [33, [6, 1, 0]], // SRV
  [39, ONE_NAME], // DNAME
]);

/** @throws Error with the fault and its offset */
export function readStrictly(bytes: Uint8Array, { lenient = false }: Leniency = {}): StrictMessage {
  const wire = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let offset = 0;
  const fail = (what: string): never => {
    throw new Error(`${what} at ${offset}: ${wire.toString('hex')}`);
  };
  /** Skips octets. Returns their offset. */
  const step = (length: number): number => {
    if (offset + length > wire.length) fail('the message ends within a field');
    offset += length;
    return offset - length;
  };
  const u8 = (): number => wire.readUInt8(step(1));
  const u16 = (): number => wire.readUInt16BE(step(2));
  const u32 = (): number => wire.readUInt32BE(step(4));
  const octets = (length: number): string => wire.toString('latin1', step(length), offset);

  const name = (compression: boolean): string => {
    let text = '';
    let after: number | undefined;
    let lowest = offset;
    let limit = wire.length;
    for (;;) {
      const length = u8();
      if (length >= 0xc0) {
        const target = ((length & 0x3f) << 8) | u8();
        if (!compression) fail('a pointer where none may be');
        if (target >= lowest || target < HEADER_BYTES) fail('a pointer that does not point backwards into a name');
        after ??= offset;
        limit = lowest;
        lowest = target;
        offset = target;
        continue;
      }
      if (length > 63) fail('a label of an unknown kind');
      text += String.fromCharCode(length) + octets(length);
      if (text.length > 255) fail('a name of more than 255 octets');
      if (offset > limit) fail('a pointer to what goes on into the name that has it');
      if (length === 0) break;
    }
    offset = after ?? offset;
    return smallLetters(text);
  };

  const data = (type: number): string => {
    const length = u16();
    const end = offset + length;
    const [before, names, after] = (lenient ? undefined : LAYOUTS.get(type)) ?? [length, 0, 0];
    let text = octets(before);
    for (let i = 0; i < names; i++) text += name(true);
    text += octets(after);
    if (offset !== end) fail('RDATA that is not as long as it says');
    return text;
  };

  let opt: StrictOpt | undefined;
  const records = (count: number, mayHaveOpt: boolean): StrictRecord[] => {
    const found: StrictRecord[] = [];
    for (let i = 0; i < count; i++) {
      const record = { owner: name(true), type: u16(), class: u16(), ttl: u32(), data: '' };
      record.data = data(record.type);
      if (record.type !== OPT) {
        found.push(record);
        continue;
      }
      if (!mayHaveOpt || opt !== undefined || record.owner !== '\0') fail('an OPT record too many');
      opt = readOpt(record);
    }
    return found;
  };

  const id = u16();
  const flags = u16();
  const counts = [u16(), u16(), u16(), u16()] as const;
  if (counts[0] > 1) fail('more than one question');
  if (counts[0] === 1) {
    name(false);
    step(4);
  }
  const question = wire.subarray(HEADER_BYTES, offset);
  const answers = records(counts[1], lenient);
  const authorities = records(counts[2], lenient);
  const additionals = records(counts[3], true);
  if (!lenient && offset !== wire.length) fail('octets behind the last record');
  const rcode = (flags & 0xf) | ((opt?.extendedRcode ?? 0) << 4);
  return { id, flags, opcode: (flags >>> 11) & 0xf, rcode, question, answers, authorities, additionals, opt };
}

function readOpt(record: StrictRecord): StrictOpt {
  const rdata = Buffer.from(record.data, 'latin1');
  const options: { code: number; data: Buffer }[] = [];
  for (let offset = 0; offset < rdata.length; ) {
    if (offset + 4 > rdata.length) throw new Error('a truncated EDNS option');
    const end = offset + 4 + rdata.readUInt16BE(offset + 2);
    if (end > rdata.length) throw new Error('an EDNS option longer than its record');
    options.push({ code: rdata.readUInt16BE(offset), data: rdata.subarray(offset + 4, end) });
    offset = end;
  }
  return {
    udpPayloadBytes: record.class,
    extendedRcode: record.ttl >>> 24,
    version: (record.ttl >>> 16) & 0xff,
    dnssecOk: (record.ttl & 0x8000) !== 0,
    unassigned: record.ttl & 0x7fff,
    options,
  };
}

/** Of ASCII only. Length octets are below all letters. */
function smallLetters(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
