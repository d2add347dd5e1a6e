import fc from 'fast-check';
import { LAB_QUESTIONS, LAB_ZONE } from '../../fixtures/dns/lab-zone.ts';
import { concat, rawMessage, rawName, rawQuestion, rawRecord, rawU16 } from '../../fixtures/dns/messages.ts';
import type { Transport } from '../raw-client.ts';

/** A query for comparing two resolvers. */
export interface ComparedQuery {
  /** With ID 0. */
  readonly wire: Uint8Array;
  readonly transport: Transport;
}

const TYPES: Readonly<Record<string, number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  LOC: 29,
  SRV: 33,
  NAPTR: 35,
  DS: 43,
  SSHFP: 44,
  TLSA: 52,
  SVCB: 64,
  HTTPS: 65,
  ANY: 255,
  URI: 256,
  CAA: 257,
  TYPE65400: 65_400,
};

/** Names besides those of the zone: from wildcards, denied, broken, local, and outside the zones. */
const OTHER_NAMES = [
  '.',
  'net.',
  'example.com.',
  'elsewhere.example.',
  'localhost.',
  'any.localhost.',
  'lab.onion.',
  'printer.local.',
  'any.test.',
  'home.arpa.',
  'use-application-dns.net.',
  '1.1.168.192.in-addr.arpa.',
  '1.0.0.127.in-addr.arpa.',
  '8.8.8.8.in-addr.arpa.',
  'version.bind.',
  `a.bogus.${LAB_ZONE}`,
  `bogus.${LAB_ZONE}`,
  `nowhere.bogus.${LAB_ZONE}`,
  `tree.${LAB_ZONE}`,
  `x.y.tree.${LAB_ZONE}`,
  `deep.a.${LAB_ZONE}`,
  `*.wild.${LAB_ZONE}`,
  `a.empty.${LAB_ZONE}`,
];

/** Parses presentation format: `\.` is a dot within a label, `\195` an octet (RFC 1035 §5.1). */
function labelsOf(name: string): string[] {
  if (name === '.') return [];
  const labels: string[] = [];
  let label = '';
  for (const [, byNumber, escaped, plain] of name.matchAll(/\\(\d{3})|\\(.)|(.)/g)) {
    if (plain === '.') {
      labels.push(label);
      label = '';
    } else {
      label += byNumber === undefined ? (escaped ?? plain) : String.fromCharCode(Number(byNumber));
    }
  }
  return labels;
}

function typeNumber(name: string): number {
  const number = TYPES[name];
  if (number === undefined) throw new Error(`unknown number of type ${name}`);
  return number;
}

/** Makes each letter upper or lower case, by `bits`. */
function inRandomCase(labels: readonly string[], bits: number): string[] {
  let letters = 0;
  const recase = (letter: string): string =>
    ((bits >>> (letters++ % 31)) & 1) === 1 ? letter.toUpperCase() : letter.toLowerCase();
  return labels.map((label) => label.replace(/[A-Za-z]/g, recase));
}

const ZONE_LABELS = labelsOf(LAB_ZONE);
const oddLabel = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 63 }).map((octets) => Buffer.from(octets).toString('latin1')),
  fc.constantFrom('x'.repeat(63), '*', '\0', '_', '--', ' ', '.', '\\', '\xff'),
);
const oddName = fc
  .tuple(
    fc.array(oddLabel, { minLength: 1, maxLength: 3 }),
    fc.constantFrom([], ['wild'], ['signed'], ['tree'], ['wild', 'signed']),
  )
  .map(([odd, below]) => [...odd, ...below, ...ZONE_LABELS]);
/** The most labels that a name can have. */
const deepName = fc.constant([...Array.from({ length: 118 }, () => 'd'), ...ZONE_LABELS]);

const someType = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...Object.values(TYPES)) },
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 300 }) },
  { weight: 1, arbitrary: fc.nat(0xffff) },
);
const labQuestion = fc.constantFrom(...LAB_QUESTIONS);
const question = fc
  .oneof(
    { weight: 50, arbitrary: labQuestion.map(({ name, type }) => [labelsOf(name), typeNumber(type)] as const) },
    {
      weight: 30,
      arbitrary: fc.tuple(
        labQuestion.map(({ name }) => labelsOf(name)),
        someType,
      ),
    },
    { weight: 20, arbitrary: fc.tuple(fc.constantFrom(...OTHER_NAMES).map(labelsOf), someType) },
    { weight: 20, arbitrary: fc.tuple(oddName, someType) },
    { weight: 1, arbitrary: fc.tuple(deepName, someType) },
  )
  .chain(([labels, type]) =>
    fc.nat(0x7fff_ffff).map((bits) => [rawName(...inRandomCase(labels, bits)), type] as const),
  );

const rarely = <T>(usual: T, other: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 30, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: other });

const FLAG_RD = 0x0100;
const flags = fc
  .record({
    rd: rarely(FLAG_RD, fc.constant(0)),
    ad: fc.constantFrom(0, 0x0020),
    cd: fc.constantFrom(0, 0, 0, 0x0010),
    opcode: rarely(0, fc.integer({ min: 1, max: 15 })).map((opcode) => opcode << 11),
    // AA, RA, Z and TC have no meaning in a query.
    odd: rarely(0, fc.constantFrom(0x0400, 0x0080, 0x0040, 0x0200)),
  })
  .map(({ rd, ad, cd, opcode, odd }) => rd | ad | cd | opcode | odd);

/** Options that clients send: NSID, client subnet, cookie, keepalive, padding, and an unknown one. */
const OPTIONS = [
  rawU16(3, 0),
  concat(rawU16(8, 7, 1, 0x1800), Uint8Array.of(192, 0, 2)),
  concat(rawU16(10, 8), Buffer.from('12345678')),
  rawU16(11, 0),
  rawU16(12, 6, 0, 0, 0),
  rawU16(65_001, 2, 0xffff),
];
const opt = fc
  .record({
    size: fc.oneof(fc.constantFrom(0, 511, 512, 513, 1231, 1232, 1233, 1400, 4096, 0xffff), fc.nat(0xffff)),
    version: rarely(0, fc.integer({ min: 1, max: 255 })),
    dnssecOk: fc.constantFrom(0, 0x8000),
    options: rarely([], fc.array(fc.constantFrom(...OPTIONS), { minLength: 1, maxLength: 3 })),
  })
  .map(({ size, version, dnssecOk, options }) =>
    rawRecord(rawName(), 41, version * 0x1_0000 + dnssecOk, concat(...options), size),
  );

export const comparedQuery: fc.Arbitrary<ComparedQuery> = fc
  .record({
    question,
    qclass: rarely(1, fc.oneof(fc.constantFrom(0, 3, 4, 254, 255), fc.nat(0xffff))),
    flags,
    opt: fc.option(opt, { freq: 2 }),
    transport: fc.constantFrom<Transport>('udp', 'udp', 'udp', 'udp', 'tcp'),
  })
  .map(({ question: [name, type], qclass, flags: flagBits, opt: optRecord, transport }) => ({
    wire: rawMessage({
      id: 0,
      flags: flagBits,
      questions: [rawQuestion(name, type, qclass)],
      additionals: optRecord === null ? [] : [optRecord],
    }),
    transport,
  }));
