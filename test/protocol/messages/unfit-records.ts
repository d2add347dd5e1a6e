import { concat, type RawSpec, rawName, rawOpt, rawRecord, rawU16 } from '../../fixtures/dns/messages.ts';
import { FLAG } from '../reply.ts';
import { addressOf, alias, QNAME, RCODE, RESPONSE_FLAGS, startOfAuthority, TYPE } from '../upstream-messages.ts';

/* Answers with records that do not belong in them, and the replies of dns4tor and of unbound 1.17 as a forwarder. */

export interface UnfitCase {
  readonly label: string;
  /** The behaviour, with the standard that requires it. */
  readonly rule: string;
  /** @default A */
  readonly qtype?: number;
  readonly parts: Partial<RawSpec>;
  /** RCODE, then the record types of each section: `NOERROR: A CNAME | SOA | A`. */
  readonly ours: string;
  /** @default the same */
  readonly unbound?: string;
  /** The reason, if the two differ. */
  readonly why?: string;
}

const NS = 2;
const MX = 15;
const TXT = 16;
const SIG = 24;
const AAAA = 28;
const SRV = 33;
const DNAME = 39;
const TSIG = 250;
const HTTPS = 65;
const CHAOS = 3;
const ANY_CLASS = 255;
const NXDOMAIN = RESPONSE_FLAGS | RCODE.nxdomain;
const BANK = rawName('bank', 'test');
const TARGET = rawName('target', 'test');
/** The top-level domain of all queried names. */
const ZONE = rawName('example');
const ADDRESS = Uint8Array.of(192, 0, 2, 66);
const SOA = startOfAuthority(ZONE, 300, 300);

const text = (owner = QNAME): Uint8Array => rawRecord(owner, TXT, 300, Uint8Array.of(1, 0x61));
const nameServer = (owner: Uint8Array): Uint8Array => rawRecord(owner, NS, 300, TARGET);

/** A chain of `length` aliases from QNAME, with an address at its end. */
function chainOf(length: number): Uint8Array[] {
  const link = (number: number): Uint8Array => rawName(`l${number}`, 'test');
  const aliases = Array.from({ length }, (_, i) => alias(i === 0 ? QNAME : link(i), link(i + 1)));
  return [...aliases, addressOf(link(length))];
}

/** Transaction signatures for one hop: the algorithm's name, and octets that cannot be checked here. */
const transactionSignature = rawRecord(rawName('key'), TSIG, 0, concat(rawName('hmac'), new Uint8Array(16)), ANY_CLASS);
const zeroSignature = rawRecord(rawName(), SIG, 0, concat(new Uint8Array(18), rawName('key'), ADDRESS), ANY_CLASS);

const REFUSED = 'SERVFAIL:  |  | ';
const IN_ANSWER =
  'unbound removes single records and rewrites the rest; dns4tor only cuts off records that do not belong at the end';
const CONTRADICTION = 'unbound goes by one of the two and asks on; nothing here says which of them is true';
const FOREIGN = 'unbound takes it out; here whoever answers for other names is not believed at all';
const ASKS_ON = 'unbound follows 11 aliases at most, keeps the first and asks on by itself; nobody asks on from here';
const NO_SERVERS = 'unbound 1.17 keeps no name servers beside what a forwarder answers';
const SOA_PASSES = 'unbound gives it, and keeps the denial';
const SIGNED = 'unbound gives it';

export const UNFIT: readonly UnfitCase[] = [
  {
    label: 'class',
    rule: 'RFC 1035 §3.2.4, RFC 2181 §5: a record of another class in the answer',
    parts: { answers: [addressOf(), rawRecord(QNAME, TYPE.a, 300, ADDRESS, CHAOS)] },
    ours: 'NOERROR: A |  | ',
    unbound: 'NOERROR: A A |  | ',
    why: 'unbound 1.17 gives it, as a record of the class that was asked for',
  },
  {
    label: 'type',
    rule: 'RFC 1034 §4.3.2: a record at QNAME of a type that was not asked for',
    parts: { answers: [addressOf(), text()] },
    ours: 'NOERROR: A |  | ',
  },
  {
    label: 'type-in-front',
    rule: 'RFC 1034 §4.3.2: such a record in front of the answer',
    parts: { answers: [text(), addressOf()] },
    ours: REFUSED,
    unbound: 'NOERROR: A |  | ',
    why: IN_ANSWER,
  },
  {
    label: 'type-only',
    rule: 'RFC 1034 §4.3.2: nothing but a record of a type that was not asked for',
    parts: { answers: [text()] },
    ours: 'NOERROR:  |  | ',
  },
  {
    label: 'type-at-target',
    rule: 'RFC 1034 §4.3.2: a record at the end of the aliases of a type that was not asked for',
    parts: { answers: [alias(QNAME, TARGET), addressOf(TARGET), text(TARGET)] },
    ours: 'NOERROR: CNAME A |  | ',
  },
  {
    label: 'beside-alias',
    rule: 'RFC 1034 §3.6.2: an address beside an alias',
    parts: { answers: [alias(QNAME, TARGET), addressOf(), addressOf(TARGET)] },
    ours: REFUSED,
    unbound: 'NOERROR: CNAME A |  | ',
    why: CONTRADICTION,
  },
  {
    label: 'two-aliases',
    rule: 'RFC 2181 §10.1: two aliases of one name',
    parts: { answers: [alias(QNAME, TARGET), alias(QNAME, BANK), addressOf(TARGET)] },
    ours: REFUSED,
    unbound: 'NOERROR: CNAME A |  | ',
    why: CONTRADICTION,
  },
  {
    label: 'dname',
    rule: 'RFC 6672 §3.1: an alias that does not follow from the DNAME record above it',
    parts: {
      answers: [rawRecord(ZONE, DNAME, 300, rawName('test')), alias(QNAME, BANK), addressOf(BANK)],
    },
    ours: REFUSED,
    unbound: 'NOERROR: DNAME CNAME CNAME A |  | ',
    why: 'unbound puts in the alias that follows, in front of the one that does not',
  },
  {
    label: 'two-dnames',
    rule: 'RFC 6672 §2.4: two DNAME records of one name',
    parts: {
      answers: [
        rawRecord(ZONE, DNAME, 300, rawName('test')),
        rawRecord(ZONE, DNAME, 300, rawName('net')),
        alias(QNAME, rawName('two-dnames', 'test')),
        addressOf(rawName('two-dnames', 'test')),
      ],
    },
    ours: REFUSED,
  },
  {
    label: 'foreign',
    rule: 'RFC 5452 §6: an address of a name that the question does not lead to',
    parts: { answers: [addressOf(), addressOf(BANK)] },
    ours: REFUSED,
    unbound: 'NOERROR: A |  | ',
    why: FOREIGN,
  },
  {
    label: 'tsig-in-answer',
    rule: 'RFC 8945 §5.1: a transaction signature in the answer',
    parts: { answers: [addressOf(), transactionSignature] },
    ours: REFUSED,
    unbound: 'NOERROR: A |  | ',
    why: FOREIGN,
  },
  {
    label: 'sixteen',
    rule: 'RFC 1034 §3.6.2: 16 aliases',
    parts: { answers: chainOf(16) },
    ours: `NOERROR: ${'CNAME '.repeat(16)}A |  | `,
    unbound: 'NOERROR: CNAME A |  | ',
    why: ASKS_ON,
  },
  {
    label: 'seventeen',
    rule: 'RFC 1034 §3.6.2: 17 aliases',
    parts: { answers: chainOf(17) },
    ours: REFUSED,
    unbound: 'NOERROR: CNAME A |  | ',
    why: ASKS_ON,
  },
  {
    label: 'authority-foreign',
    rule: 'RFC 2181 §5.4.1: name servers of a zone that the name is not in',
    parts: { answers: [addressOf()], authorities: [nameServer(ZONE), nameServer(BANK), nameServer(rawName())] },
    ours: 'NOERROR: A | NS | ',
    unbound: 'NOERROR: A |  | ',
    why: NO_SERVERS,
  },
  {
    label: 'authority-address',
    rule: 'RFC 1034 §4.3.2: an address among the authorities',
    parts: { answers: [addressOf()], authorities: [addressOf(BANK)] },
    ours: 'NOERROR: A |  | ',
  },
  {
    label: 'authority-alias',
    rule: 'RFC 2308 §2: an alias among the authorities',
    parts: { flags: NXDOMAIN, authorities: [SOA, alias(QNAME, BANK)] },
    ours: 'NXDOMAIN:  | SOA | ',
  },
  {
    label: 'authority-class',
    rule: 'RFC 2181 §5: an authority of another class',
    parts: { answers: [addressOf()], authorities: [rawRecord(ZONE, NS, 300, TARGET, CHAOS)] },
    ours: 'NOERROR: A |  | ',
  },
  {
    label: 'authority-text',
    rule: 'RFC 2308 §2: text among the authorities',
    parts: { flags: NXDOMAIN, authorities: [SOA, text(ZONE)] },
    ours: 'NXDOMAIN:  | SOA | ',
    unbound: 'NXDOMAIN:  | SOA TXT | ',
    why: 'unbound takes out addresses, aliases and foreign name servers alone',
  },
  {
    label: 'soa-foreign',
    rule: 'RFC 2308 §5: a denial with the SOA record of a zone that the name is not in',
    parts: { flags: NXDOMAIN, authorities: [startOfAuthority(BANK, 300, 300)] },
    ours: 'NXDOMAIN:  |  | ',
    unbound: 'NXDOMAIN:  | SOA | ',
    why: SOA_PASSES,
  },
  {
    label: 'soa-below',
    rule: 'RFC 2308 §5: a denial with the SOA record of a name below the one that was asked for',
    parts: { flags: NXDOMAIN, authorities: [startOfAuthority(concat(Uint8Array.of(1, 0x61), QNAME), 300, 300)] },
    ours: 'NXDOMAIN:  |  | ',
    unbound: 'NXDOMAIN:  | SOA | ',
    why: SOA_PASSES,
  },
  {
    label: 'additional-foreign',
    rule: 'RFC 2181 §5.4.1: an additional address that no record names',
    parts: { answers: [addressOf()], additionals: [addressOf(BANK), rawOpt()] },
    ours: 'NOERROR: A |  | ',
  },
  {
    label: 'additional-named',
    rule: 'RFC 1035 §3.3.9: additional addresses of what an MX record names',
    qtype: MX,
    parts: {
      answers: [rawRecord(QNAME, MX, 300, concat(rawU16(10), TARGET))],
      additionals: [addressOf(TARGET), rawRecord(TARGET, AAAA, 300, new Uint8Array(16)), rawOpt()],
    },
    ours: 'NOERROR: MX |  | A AAAA',
  },
  {
    label: 'additional-srv',
    rule: 'RFC 2782: an additional address of what an SRV record names',
    qtype: SRV,
    parts: {
      answers: [rawRecord(QNAME, SRV, 300, concat(rawU16(1, 1, 443), TARGET))],
      additionals: [addressOf(TARGET)],
    },
    ours: 'NOERROR: SRV |  | A',
  },
  {
    label: 'additional-https',
    rule: 'RFC 9460 §4.2: additional records of what an HTTPS record names, and what those name',
    qtype: HTTPS,
    parts: {
      answers: [rawRecord(QNAME, HTTPS, 300, concat(rawU16(0), TARGET))],
      additionals: [rawRecord(TARGET, HTTPS, 300, concat(rawU16(1), rawName())), addressOf(TARGET)],
    },
    ours: 'NOERROR: HTTPS |  | HTTPS A',
    unbound: 'NOERROR: HTTPS |  | HTTPS',
    why: 'unbound 1.17 knows no targets of HTTPS records, and takes addresses alone for foreign',
  },
  {
    label: 'additional-name-server',
    rule: 'RFC 1035 §3.3.11: an additional address of a name server, and behind it one that nobody names',
    parts: {
      answers: [addressOf()],
      authorities: [nameServer(ZONE)],
      additionals: [addressOf(TARGET), addressOf(BANK)],
    },
    ours: 'NOERROR: A | NS | A',
    unbound: 'NOERROR: A |  | ',
    why: NO_SERVERS,
  },
  {
    label: 'additional-alias',
    rule: 'RFC 1034 §4.3.2: an additional alias',
    qtype: MX,
    parts: {
      answers: [rawRecord(QNAME, MX, 300, concat(rawU16(10), TARGET))],
      additionals: [alias(TARGET, BANK)],
    },
    ours: 'NOERROR: MX |  | ',
  },
  {
    label: 'additional-class',
    rule: 'RFC 2181 §5: an additional address of another class',
    qtype: MX,
    parts: {
      answers: [rawRecord(QNAME, MX, 300, concat(rawU16(10), TARGET))],
      additionals: [rawRecord(TARGET, TYPE.a, 300, ADDRESS, CHAOS)],
    },
    ours: 'NOERROR: MX |  | ',
  },
  {
    label: 'tsig',
    rule: 'RFC 8945 §5.1: a transaction signature',
    parts: { answers: [addressOf()], additionals: [rawOpt(), transactionSignature] },
    ours: 'NOERROR: A |  | ',
    unbound: 'NOERROR: A |  | TSIG',
    why: SIGNED,
  },
  {
    label: 'tsig-alone',
    rule: 'RFC 8945 §5.1: a transaction signature without an OPT record',
    parts: { answers: [addressOf()], additionals: [transactionSignature] },
    ours: 'NOERROR: A |  | ',
    unbound: 'NOERROR: A |  | TSIG',
    why: SIGNED,
  },
  {
    label: 'sig0',
    rule: 'RFC 2931 §3.1: a signature of the transaction',
    parts: { answers: [addressOf()], additionals: [zeroSignature] },
    ours: 'NOERROR: A |  | ',
  },
  {
    label: 'badvers',
    rule: 'RFC 6891 §6.1.3: BADVERS, which is about the query that was sent on and not about the client’s',
    parts: { additionals: [rawOpt(0x0100_0000)] },
    ours: REFUSED,
    unbound: 'NOERROR:  |  | ',
    why: 'unbound looks at the lower four bits alone, which are those of NOERROR',
  },
  {
    label: 'badcookie',
    rule: 'RFC 7873 §5.2.3: BADCOOKIE, of a cookie that the client has no part in',
    parts: { flags: RESPONSE_FLAGS | 7, additionals: [rawOpt(0x0100_0000)] },
    ours: REFUSED,
  },
  {
    label: 'truncated',
    rule: 'RFC 2181 §9: TC=1',
    parts: { flags: RESPONSE_FLAGS | FLAG.TC, answers: [addressOf()] },
    ours: REFUSED,
  },
  {
    label: 'authority-mixed',
    rule: 'RFC 2308 §2: an address among the authorities, in front of the SOA record',
    parts: { flags: NXDOMAIN, authorities: [addressOf(BANK), SOA] },
    ours: 'NXDOMAIN:  |  | ',
    unbound: 'NXDOMAIN:  | SOA | ',
    why: IN_ANSWER,
  },
];
