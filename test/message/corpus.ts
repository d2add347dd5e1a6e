import fc from 'fast-check';
import { concat, rawName, rawNameOfLength, rawU16 } from '../fixtures/dns/messages.ts';
import { mutateBy, mutations } from './message-mutations.ts';

/*
 * Messages like those of large public corpora: all record types, all kinds of compression, EDNS options, and sometimes
 * an error. Each is built from a list of random numbers, so that it can be reproduced.
 */

/** A list of random numbers that make the decisions in order. Starts over when it is used up. */
class Choices {
  readonly #numbers: readonly number[];
  #next = 0;

  constructor(numbers: readonly number[]) {
    this.#numbers = numbers;
  }

  /** From 0 to `count - 1`. */
  below(count: number): number {
    const number = (this.#numbers[this.#next++ % this.#numbers.length] as number) + 31 * this.#next;
    return number % count;
  }

  oneOf<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  /** True once in so many calls. */
  rarely(times: number): boolean {
    return this.below(times) === times - 1;
  }

  octets(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}

const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  SIG: 24,
  AAAA: 28,
  LOC: 29,
  SRV: 33,
  NAPTR: 35,
  CERT: 37,
  DNAME: 39,
  OPT: 41,
  DS: 43,
  SSHFP: 44,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  NSEC3: 50,
  TLSA: 52,
  SVCB: 64,
  HTTPS: 65,
  TSIG: 250,
  ANY: 255,
  URI: 256,
  CAA: 257,
  UNKNOWN: 65_400,
} as const;
const TYPES: readonly number[] = Object.values(TYPE);
const IN = 1;
const TTLS = [0, 1, 60, 300, 3600, 86_400, 86_401, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

const NAMES: readonly (readonly string[])[] = [
  ['www', 'example', 'com'],
  ['Cdn', 'Example', 'NET'],
  ['a', 'b', 'c', 'example', 'com'],
  ['xn--bcher-kva', 'example'],
  ['_443', '_tcp', 'mail', 'example', 'org'],
  ['dot.ted', '\0\xff', 'example'],
  Array.from({ length: 120 }, () => 'd'),
  ['x'.repeat(63), 'y'.repeat(63), 'example'],
];
const FOREIGN: readonly (readonly string[])[] = [['bank', 'test'], ['com'], ['example', 'com'], [], ['net']];
const OPTION_CODES = [3, 5, 8, 10, 11, 12, 15, 16, 65_001, 65_313];

/** Builds a message octet by octet, and tracks the offsets of names as targets of pointers. */
class Writer {
  readonly choices: Choices;
  /** Something is wrong once in so many times. */
  readonly faults: number;
  readonly #octets: number[] = [];
  /** Offsets of names, by their octets. */
  readonly #names = new Map<string, number>();

  constructor(choices: Choices, faults: number) {
    this.choices = choices;
    this.faults = faults;
  }

  get length(): number {
    return this.#octets.length;
  }

  get bytes(): Uint8Array {
    return Uint8Array.from(this.#octets);
  }

  put(...octets: readonly number[]): void {
    for (const octet of octets) this.#octets.push(octet & 0xff);
  }

  u16(...values: readonly number[]): void {
    for (const value of values) this.put(value >>> 8, value);
  }

  setU16(offset: number, value: number): void {
    this.#octets[offset] = (value >>> 8) & 0xff;
    this.#octets[offset + 1] = value & 0xff;
  }

  bytesOf(octets: Uint8Array): void {
    this.put(...octets);
  }

  /** Writes a name, compressed or not, or something that looks like a name. */
  name(labels: readonly string[], mayCompress = true): void {
    const { choices } = this;
    if (choices.rarely(this.faults)) return this.#wrongName();
    const wire = rawName(...labels);
    if (mayCompress && choices.below(3) > 0) {
      const known = this.#names.get(labels.join('.'));
      if (known !== undefined) return this.u16(0xc000 | known);
    }
    this.#names.set(labels.join('.'), this.length);
    this.bytesOf(wire);
  }

  /**
   * Writes an invalid name: a pointer to itself, forwards, into the header or to no name; an unknown label type; too
   * long.
   */
  #wrongName(): void {
    const { choices } = this;
    switch (choices.below(7)) {
      case 0:
        return this.u16(0xc000 | this.length);
      case 1:
        return this.u16(0xc000 | (this.length + 1 + choices.below(40)));
      case 2:
        return this.u16(0xc000 | choices.below(12));
      case 3:
        return this.u16(0xc000 | choices.below(Math.max(13, this.length)));
      case 4:
        return this.put(0x40 | choices.below(0x80), 1, 0);
      case 5:
        return this.bytesOf(rawNameOfLength(255 + choices.below(3)));
      default:
        // A label, then a pointer back to it.
        this.put(1, 0x61);
        return this.u16(0xc000 | (this.length - 2));
    }
  }

  record(owner: readonly string[], type: number, rrclass: number = IN, covered: number = TYPE.A, target = owner): void {
    const { choices } = this;
    this.name(owner);
    this.u16(type, rrclass);
    const ttl = choices.oneOf(TTLS);
    this.u16(ttl >>> 16, ttl, 0);
    const start = this.length;
    this.#data(type, covered, target);
    const wrong = choices.rarely(this.faults) ? choices.oneOf([-1, 1, 2, 0x4000]) : 0;
    this.setU16(start - 2, Math.max(0, this.length - start + wrong));
  }

  opt(): void {
    const { choices } = this;
    this.name([], false);
    this.u16(TYPE.OPT, choices.oneOf([0, 512, 1232, 4096, 0xffff]));
    this.put(choices.rarely(12) ? choices.below(4) : 0, choices.rarely(20) ? 1 : 0);
    this.u16(choices.oneOf([0, 0x8000, 0xffff]), 0);
    const start = this.length;
    for (let i = choices.below(4); i > 0; i--) {
      const data = choices.octets(choices.below(24));
      this.u16(choices.oneOf(OPTION_CODES), data.length + (choices.rarely(this.faults) ? 7 : 0));
      this.bytesOf(data);
    }
    this.setU16(start - 2, this.length - start);
  }

  #string(maxBytes: number): void {
    const octets = this.choices.octets(this.choices.below(maxBytes));
    this.put(octets.length);
    this.bytesOf(octets);
  }

  #data(type: number, covered: number, target: readonly string[]): void {
    const { choices } = this;
    switch (type) {
      case TYPE.A:
        return this.bytesOf(choices.octets(4));
      case TYPE.AAAA:
        return this.bytesOf(choices.octets(16));
      case TYPE.NS:
      case TYPE.CNAME:
      case TYPE.PTR:
      case TYPE.DNAME:
        return this.name(target);
      case TYPE.SOA:
        this.name(target);
        this.name(choices.oneOf(FOREIGN));
        this.bytesOf(choices.octets(16));
        return this.u16(choices.oneOf([0, 1, 0x7fff, 0xffff]), choices.below(0x1_0000));
      case TYPE.MX:
        this.u16(choices.below(100));
        return this.name(target);
      case TYPE.SRV:
        this.u16(1, 2, 443);
        return this.name(target);
      case TYPE.HINFO:
        this.#string(20);
        return this.#string(20);
      case TYPE.TXT:
        for (let i = choices.below(4); i >= 0; i--) this.#string(256);
        return;
      case TYPE.NAPTR:
        this.u16(1, 2);
        for (let i = 0; i < 3; i++) this.#string(12);
        return this.name(target, false);
      case TYPE.RRSIG:
      case TYPE.SIG:
        this.u16(type === TYPE.SIG ? 0 : covered);
        this.bytesOf(choices.octets(16));
        this.name(target, false);
        return this.bytesOf(choices.octets(64));
      case TYPE.NSEC:
        this.name(target, false);
        return this.put(0, 2, 0x40, 0x01);
      case TYPE.NSEC3:
        this.put(1, 0, 0, 10, 0, 20);
        this.bytesOf(choices.octets(20));
        return this.put(0, 1, 0x40);
      case TYPE.SVCB:
      case TYPE.HTTPS:
        this.u16(choices.below(3));
        this.name(choices.below(2) === 0 ? [] : target, false);
        for (let key = choices.below(3); key < 7; key += 1 + choices.below(3)) {
          const value = choices.octets(choices.oneOf([0, 2, 4, 16]));
          this.u16(key, value.length);
          this.bytesOf(value);
        }
        return;
      case TYPE.CAA:
        this.put(choices.oneOf([0, 128]), 5);
        this.bytesOf(Buffer.from('issue'));
        return this.bytesOf(choices.octets(choices.below(30)));
      default:
        return this.bytesOf(choices.octets(choices.below(60)));
    }
  }
}

/** A query as a resolver sends it, and a possible response. */
export interface Correspondence {
  /** QNAME, QTYPE and QCLASS. */
  readonly question: Uint8Array;
  readonly response: Uint8Array;
}

/** The sections of a message: a function per record, which writes it. */
type Sections = readonly (readonly (() => void)[])[];

/** Writes the sections, and the counts in the header, which may be wrong. */
function writeSections(writer: Writer, sections: Sections): void {
  for (const [index, records] of sections.entries()) {
    for (const write of records) write();
    const lie = writer.choices.rarely(writer.faults) ? writer.choices.oneOf([1, 2, 0xfff0]) : 0;
    writer.setU16(6 + 2 * index, records.length + lie);
  }
}

function responseBy(choices: Choices, times: number): Correspondence {
  const writer = new Writer(choices, times);
  const qname = choices.oneOf(NAMES);
  const qtype = choices.oneOf(TYPES.filter((type) => type !== TYPE.OPT && type !== TYPE.TSIG));
  const rcode = choices.oneOf([0, 0, 0, 0, 0, 3, 3, 2, 5, 9]);
  writer.u16(0, 0x8180 | rcode | (choices.rarely(30) ? 0x0200 : 0) | (choices.rarely(4) ? 0x0420 : 0), 1, 0, 0, 0);
  writer.bytesOf(rawName(...qname));
  writer.u16(qtype, IN);
  const question = writer.bytes.subarray(12);

  const links = choices.oneOf([0, 0, 0, 0, 1, 2, 4, 11, 16, 17]);
  const link = (index: number): readonly string[] => (index === 0 ? qname : [`l${index}`, 'example', 'net']);
  const last = link(links);
  const target = ['ns', ...last.slice(1)].slice(0, 100);
  const isSigned = choices.below(3) === 0;
  const signed = (owner: readonly string[], type: number, to: readonly string[]): (() => void)[] => [
    () => writer.record(owner, type, IN, TYPE.A, to),
    ...(isSigned ? [() => writer.record(owner, TYPE.RRSIG, IN, type, [])] : []),
  ];
  /** Has an irrelevant type, class or name half of the time. */
  const stray = (): (() => void)[] =>
    choices.rarely(6)
      ? [
          () =>
            writer.record(
              choices.oneOf([last, ...FOREIGN]),
              choices.oneOf(TYPES),
              choices.oneOf([IN, IN, 3, 255]),
              choices.oneOf(TYPES),
            ),
        ]
      : [];
  const answers = Array.from({ length: links }, (_, i) => signed(link(i), TYPE.CNAME, link(i + 1))).flat();
  if (rcode === 0 && choices.below(4) > 0) {
    for (let i = choices.below(4); i >= 0; i--) answers.push(...signed(last, qtype, target));
  }
  const zone = last.slice(choices.below(last.length + 1));
  const authorities = choices.oneOf<(() => void)[]>([
    [],
    [],
    signed(zone, TYPE.SOA, target),
    [...signed(zone, TYPE.SOA, target), ...signed(last, TYPE.NSEC, target)],
    [
      ...signed(zone, TYPE.SOA, target),
      ...signed(['0p9mhaveqvm6t7vbl5lop2u3t2rp3tom', ...zone].slice(0, 100), TYPE.NSEC3, []),
    ],
    signed(zone, TYPE.NS, target),
  ]);
  const additionals = choices.below(3) === 0 ? signed(target, choices.oneOf([TYPE.A, TYPE.AAAA]), []) : [];
  const opts = choices.below(4) > 0 ? [() => writer.opt()] : [];
  if (choices.rarely(times)) opts.push(() => writer.opt());
  writeSections(writer, [
    [...answers, ...stray()],
    [...authorities, ...stray()],
    [...additionals, ...stray(), ...opts, ...stray()],
  ]);
  return { question, response: writer.bytes };
}

function queryBy(choices: Choices, times: number): Uint8Array {
  const writer = new Writer(choices, times);
  const flags = choices.rarely(15) ? choices.below(0x1_0000) : 0x0100 | choices.oneOf([0, 0x10, 0x20]);
  writer.u16(choices.below(0x1_0000), flags, choices.rarely(20) ? choices.below(3) : 1, 0, 0, 0);
  writer.name(
    choices.rarely(3) ? [`q${choices.below(5000)}`, 'example'] : choices.oneOf([...NAMES, ...FOREIGN]),
    false,
  );
  writer.u16(choices.rarely(20) ? choices.below(0x1_0000) : choices.oneOf(TYPES));
  writer.u16(choices.rarely(20) ? choices.oneOf([0, 3, 4, 254, 255, 0xffff]) : IN);
  const stray = (): (() => void)[] =>
    choices.rarely(15) ? [() => writer.record(choices.oneOf(NAMES), choices.oneOf(TYPES))] : [];
  const opts = choices.below(3) > 0 ? [() => writer.opt()] : [];
  writeSections(writer, [stray(), stray(), [...stray(), ...opts, ...stray()]]);
  return writer.bytes;
}

/** How often something is wrong within a message. Most messages are correct. */
const FAULTS = [1_000_000, 1_000_000, 1_000_000, 60, 15] as const;
const numbers = fc.array(fc.nat(0xffff), { minLength: 60, maxLength: 60 });

/** Damage to the octets afterwards: usually none. */
const noise = fc.tuple(fc.nat(3), mutations).map(([often, changes]) => (often === 0 ? changes : []));
const faults = fc.constantFrom(...FAULTS);

export const corpusQuery: fc.Arbitrary<Uint8Array> = fc
  .tuple(numbers, faults, noise)
  .map(([row, times, changes]) => mutateBy(queryBy(new Choices(row), times), changes));

export const correspondence: fc.Arbitrary<Correspondence> = fc
  .tuple(numbers, faults, noise)
  .map(([row, times, changes]) => {
    const { question, response } = responseBy(new Choices(row), times);
    return { question, response: mutateBy(response, changes) };
  });

/** A random response with this question instead of its own. */
export function aboutQuestion({ question, response }: Correspondence, asked: Uint8Array): Uint8Array {
  // Pointers to offsets behind the question stay valid only if both questions have the same length.
  if (asked.length === question.length)
    return concat(response.subarray(0, 12), asked, response.subarray(12 + asked.length));
  return concat(response.subarray(0, 4), rawU16(1, 0, 0, 0), asked);
}
