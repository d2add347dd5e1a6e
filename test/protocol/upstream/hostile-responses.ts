import {
  concat,
  rawMessage,
  rawName,
  rawOpt,
  rawPointer,
  rawQuestion,
  rawRecord,
  rawU16,
} from '../../fixtures/dns/messages.ts';

const TYPE = { A: 1, NS: 2, CNAME: 5, SOA: 6, MX: 15, TXT: 16, AAAA: 28, SRV: 33, DNAME: 39, RRSIG: 46 } as const;
const QNAME = rawPointer(12);
const ADDRESS = Uint8Array.of(192, 0, 2, 1);

/** A question and a well-formed response with compressed names. */
export interface Exchange {
  readonly question: Uint8Array;
  readonly response: Uint8Array;
}

/** One exchange of every kind for a name that starts with `label`. */
export function exchangesAbout(label: string): Exchange[] {
  const name = rawName(label, 'example', 'com');
  /** A pointer to example.com after the first label of QNAME. */
  const parent = rawPointer(12 + 1 + label.length);
  const below = (owner: string): Uint8Array => concat(rawName(owner).subarray(0, 1 + owner.length), parent);
  const soa = rawRecord(parent, TYPE.SOA, 900, concat(below('ns'), parent, new Uint8Array(16), rawU16(0, 60)));
  const signature = rawRecord(parent, TYPE.RRSIG, 900, concat(rawU16(TYPE.SOA), new Uint8Array(16), parent, ADDRESS));
  const alias = rawRecord(QNAME, TYPE.CNAME, 300, below('cdn'));
  const of = (type: number, flags: number, sections: Omit<Parameters<typeof rawMessage>[0], 'flags'>): Exchange => {
    const question = rawQuestion(name, type);
    return { question, response: rawMessage({ id: 0, flags, questions: [question], ...sections }) };
  };
  const answerTo = (type: number, ...data: readonly Uint8Array[]): Exchange =>
    of(type, 0x8180, { answers: data.map((each) => rawRecord(QNAME, type, 300, each)), additionals: [rawOpt()] });
  return [
    answerTo(TYPE.A, ADDRESS, ADDRESS),
    answerTo(TYPE.AAAA, new Uint8Array(16)),
    answerTo(TYPE.MX, concat(rawU16(10), below('mail')), concat(rawU16(20), parent)),
    answerTo(TYPE.NS, below('ns'), parent),
    answerTo(TYPE.SRV, concat(rawU16(1, 2, 443), rawName('a', 'example', 'com'))),
    answerTo(TYPE.TXT, ...Array.from({ length: 8 }, () => new Uint8Array(180).fill(179))),
    of(TYPE.A, 0x8180, { answers: [alias, rawRecord(below('cdn'), TYPE.A, 60, ADDRESS)] }),
    of(TYPE.A, 0x8180, {
      answers: [
        rawRecord(parent, TYPE.DNAME, 60, rawName('example', 'net')),
        rawRecord(QNAME, TYPE.CNAME, 300, rawName(label, 'example', 'net')),
      ],
    }),
    of(TYPE.A, 0x8183, { authorities: [soa], additionals: [rawOpt()] }),
    of(TYPE.MX, 0x81a0, { authorities: [soa, signature], additionals: [rawOpt(0x8000)] }),
    of(TYPE.A, 0x8182, { additionals: [rawRecord(rawName(), 41, 0, concat(rawU16(15, 2, 22)), 1232)] }),
  ];
}

/** Responses with faults that random mutations rarely produce. */
export function brokenResponsesTo({ question, response }: Exchange): Uint8Array[] {
  const flags = 0x8180;
  const questions = [question];
  const end = 12 + question.length;
  const withAnswer = (answer: Uint8Array): Uint8Array => rawMessage({ id: 0, flags, questions, answers: [answer] });
  return [
    ...Array.from(response, (_, length) => response.subarray(0, length)),
    new Uint8Array(11),
    new Uint8Array(12),
    new Uint8Array(65_535).fill(0xc0),
    // Names with pointers to themselves, forwards or into the header, in the owner and in RDATA.
    ...[end, end + 2, 0, 4].flatMap((target) => [
      withAnswer(rawRecord(rawPointer(target), TYPE.A, 60, ADDRESS)),
      withAnswer(rawRecord(QNAME, TYPE.CNAME, 60, rawPointer(end + target))),
      withAnswer(rawRecord(QNAME, TYPE.MX, 60, concat(rawU16(1), rawPointer(end + target)))),
    ]),
    // RDATA that does not match its type.
    ...[TYPE.A, TYPE.AAAA, TYPE.NS, TYPE.MX, TYPE.SOA, TYPE.CNAME].map((type) =>
      withAnswer(rawRecord(QNAME, type, 60, Uint8Array.of(1, 2, 3))),
    ),
    // A name that continues in the OPT record, which is removed.
    rawMessage({
      id: 0,
      flags,
      questions,
      answers: [rawRecord(QNAME, TYPE.MX, 60, concat(rawU16(12), rawPointer(end + 13)))],
      additionals: [rawOpt()],
    }),
    withAnswer(rawRecord(QNAME, TYPE.CNAME, 60, QNAME)),
    withAnswer(rawOpt()),
    rawMessage({ id: 0, flags, questions, additionals: [rawOpt(), rawOpt()] }),
    rawMessage({ id: 0, flags, questions: [question, question] }),
    rawMessage({ id: 0, flags, questions, counts: [1, 0xffff, 0, 0] }),
  ];
}
