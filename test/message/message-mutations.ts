import fc from 'fast-check';
import {
  addressRecord,
  buildQuery,
  buildResponse,
  concat,
  rawMessage,
  rawName,
  rawNameOfLength,
  rawOpt,
  rawPointer,
  rawQuestion,
  rawRecord,
  rawU16,
  soaRecord,
} from '../fixtures/dns/messages.ts';

const WWW = rawName('www', 'example', 'com');
const COMPRESSED = [
  rawRecord(rawPointer(12), 5, 300, concat(rawName('cdn').subarray(0, 4), rawPointer(16))),
  rawRecord(concat(rawName('cdn').subarray(0, 4), rawPointer(16)), 1, 60, Uint8Array.of(192, 0, 2, 1)),
];
const SIGNATURE = rawRecord(rawPointer(16), 46, 300, concat(rawU16(6), new Uint8Array(40)));
const SOA = rawRecord(
  rawPointer(16),
  6,
  3600,
  concat(rawPointer(16), rawPointer(16), new Uint8Array(16), rawU16(0, 60)),
);

/** An OPT record with padding and an extended error whose text is not UTF-8. */
const EXPLAINED = rawRecord(
  rawName(),
  41,
  0,
  concat(rawU16(12, 2, 0, 15, 302, 22), new Uint8Array(300).fill(0xff)),
  1232,
);

/** Well-formed queries, each with a special case for the scanner. */
const QUERIES: readonly Uint8Array[] = [
  buildQuery(),
  buildQuery({ name: 'foo.onion', type: 'AAAA', edns: {} }),
  buildQuery({ edns: { dnssecOk: true, options: [{ code: 10, data: Buffer.from('12345678') }] } }),
  rawMessage({ flags: 0x0100, questions: [rawQuestion(rawName())], additionals: [rawOpt()] }),
  rawMessage({
    flags: 0x0100,
    questions: [rawQuestion(rawNameOfLength(255))],
    additionals: [rawOpt(), COMPRESSED[1] as Uint8Array],
  }),
  rawMessage({ flags: 0x0100, questions: [rawQuestion(WWW, 251)], authorities: [SOA], additionals: [rawOpt(0x8000)] }),
];

/** Well-formed responses of every kind, with and without compression. */
const RESPONSES: readonly Uint8Array[] = [
  buildResponse({ answers: [addressRecord('example.com', 300), addressRecord('example.com', 20)] }),
  buildResponse({ flags: 3, authorities: [soaRecord('com', 900, 60)], additionals: [addressRecord('ns.com', 5)] }),
  rawMessage({ flags: 0x8180, questions: [rawQuestion(WWW)], answers: COMPRESSED, additionals: [rawOpt(0x8000)] }),
  rawMessage({
    flags: 0x81a0,
    questions: [rawQuestion(WWW, 28)],
    authorities: [SOA, SIGNATURE],
    additionals: [rawOpt(0x0100_8000)],
  }),
  rawMessage({
    flags: 0x8183,
    questions: [rawQuestion(WWW, 255)],
    answers: COMPRESSED,
    additionals: [rawOpt(), ...COMPRESSED],
  }),
  rawMessage({ flags: 0x8182, questions: [rawQuestion(WWW)], additionals: [EXPLAINED] }),
  rawMessage({
    flags: 0x8180,
    questions: [rawQuestion(rawNameOfLength(255), 16)],
    answers: Array.from({ length: 8 }, () => rawRecord(rawPointer(12), 16, 300, new Uint8Array(180))),
  }),
];

/** Octets with a meaning as a length, a label type or a pointer. */
const TELLING_OCTETS = [0, 1, 0x0c, 0x29, 0x3f, 0x40, 0x80, 0xc0, 0xff];

/** A change at one position: replace an octet, insert one, truncate, or write a pointer. */
const EDITS = ['replace', 'insert', 'cut', 'point'] as const;

export interface Mutation {
  readonly edit: (typeof EDITS)[number];
  readonly place: number;
  readonly octet: number;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  edit: fc.constantFrom(...EDITS),
  place: fc.nat(0xffff),
  octet: fc.oneof(fc.nat(0xff), fc.constantFrom(...TELLING_OCTETS)),
});

function mutate(message: Uint8Array, { edit, place, octet }: Mutation): Uint8Array {
  const at = place % message.length;
  const before = message.subarray(0, at);
  switch (edit) {
    case 'replace':
      return concat(before, Uint8Array.of(octet), message.subarray(at + 1));
    case 'insert':
      return concat(before, Uint8Array.of(octet), message.subarray(at));
    case 'cut':
      // Rarely near the front: the rest would not be read.
      return message.subarray(0, Math.max(at, message.length - octet));
    case 'point':
      return concat(before, rawPointer(octet), message.subarray(at + 2));
  }
}

/** Up to four changes to one message. */
export const mutations: fc.Arbitrary<readonly Mutation[]> = fc.array(mutation, { maxLength: 4 });

export function mutateBy(message: Uint8Array, changes: readonly Mutation[]): Uint8Array {
  return changes.reduce((bytes, each) => (bytes.length === 0 ? bytes : mutate(bytes, each)), message);
}

function mutated(messages: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  return fc.tuple(fc.constantFrom(...messages), mutations).map(([message, changes]) => mutateBy(message, changes));
}

export const mutatedQuery: fc.Arbitrary<Uint8Array> = mutated(QUERIES);
export const mutatedResponse: fc.Arbitrary<Uint8Array> = mutated(RESPONSES);
export const randomBytes: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 200, size: 'max' });
