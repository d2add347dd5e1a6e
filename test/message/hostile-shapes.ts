import {
  concat,
  rawMessage,
  rawName,
  rawNameOfLength,
  rawPointer,
  rawQuestion,
  rawRecord,
  rawU16,
} from '../fixtures/dns/messages.ts';
import { chainMessage } from './chain-message.ts';

/*
 * Responses whose shape makes a naive parser read the same names over and over.
 */

export interface Shape {
  readonly label: string;
  /** The message up to its question is also the query for the response. */
  readonly response: Uint8Array;
}

const QNAME = rawPointer(12);
const ADDRESS = Uint8Array.of(192, 0, 2, 1);
const TYPE = { A: 1, NS: 2, CNAME: 5, SOA: 6, MX: 15, DNAME: 39, RRSIG: 46, NSEC: 47, HTTPS: 65 } as const;

/** A name with the maximum number of labels, each this one character. */
function deepName(character: string): Uint8Array {
  return rawName(...Array.from({ length: 126 }, () => character));
}

type Section = 'answers' | 'authorities' | 'additionals';

function filled(
  maxBytes: number,
  label: string,
  qtype: number,
  section: Section,
  recordAt: (index: number) => Uint8Array,
  first: readonly Uint8Array[] = [],
): Shape {
  const question = rawQuestion(deepName('d'), qtype);
  const records = [...first];
  let bytes = 12 + question.length + first.reduce((total, { length }) => total + length, 0);
  for (let i = 0; ; i++) {
    const record = recordAt(i);
    bytes += record.length;
    if (bytes > maxBytes) break;
    records.push(record);
  }
  return { label, response: rawMessage({ id: 0, flags: 0x8180, questions: [question], [section]: records }) };
}

/** QNAME without its first `labels` labels. */
function above(labels: number): Uint8Array {
  return rawPointer(12 + 2 * labels);
}

/** A distinct name per index, almost of the maximum length. */
function below(index: number): Uint8Array {
  const label = index.toString(36);
  return concat(rawName(label).subarray(0, 1 + label.length), above(10));
}

/** Up to 25 aliases from one deep name to the next, and a DNAME record at every ancestor of each. */
export function redirections(maxBytes: number, aliases: number): Shape {
  const names = Array.from({ length: aliases + 1 }, (_, i) => deepName(String.fromCharCode(0x61 + i)));
  const question = rawQuestion(names[0] as Uint8Array);
  const records: Uint8Array[] = [];
  const starts = [12];
  let bytes = 12 + question.length;
  const add = (record: Uint8Array): void => {
    records.push(record);
    bytes += record.length;
  };
  for (const [i, name] of names.slice(1).entries()) {
    const start = bytes + 2 + 10;
    add(rawRecord(rawPointer(starts[i] as number), TYPE.CNAME, 300, name));
    starts.push(start);
  }
  const owners = starts.flatMap((start) => Array.from({ length: 124 }, (_, i) => rawPointer(start + 2 * (i + 1))));
  const room = Math.floor((maxBytes - bytes) / 13);
  for (let i = 0; i < room; i++) {
    add(rawRecord(owners[i % owners.length] as Uint8Array, TYPE.DNAME, 300, Uint8Array.of(0)));
  }
  return {
    label: `DNAME records of all names above ${aliases} deep aliases`,
    response: rawMessage({ id: 0, flags: 0x8180, questions: [question], answers: records }),
  };
}

/** As many deep owners, but no alias chain. */
export function deepOwners(maxBytes: number): Shape {
  return filled(maxBytes, 'addresses of deep names', TYPE.A, 'answers', (i) =>
    rawRecord(below(i), TYPE.A, 300, ADDRESS),
  );
}

/** Service records whose target is their owner, and an address of it. */
function servicesAtOwner(maxBytes: number): Shape {
  const questions = [rawQuestion(rawName('a'), TYPE.HTTPS)];
  const service = rawRecord(QNAME, TYPE.HTTPS, 300, concat(rawU16(1), Uint8Array.of(0)));
  const answers = Array.from({ length: Math.floor(maxBytes / service.length) - 3 }, () => service);
  const additionals = [rawRecord(QNAME, TYPE.A, 300, ADDRESS)];
  const response = rawMessage({ id: 0, flags: 0x8180, questions, answers, additionals });
  return { label: 'services at their owner, and its address,', response };
}

type Tail<T extends readonly unknown[]> = T extends readonly [unknown, ...infer Rest] ? Rest : never;

export function shapes(maxBytes: number): readonly Shape[] {
  const fill = (...args: Tail<Parameters<typeof filled>>): Shape => filled(maxBytes, ...args);
  return [
    redirections(maxBytes, 16),
    deepOwners(maxBytes),
    fill('DNAME records of deep names', TYPE.A, 'answers', (i) =>
      rawRecord(below(i), TYPE.DNAME, 300, above(1 + (i % 120))),
    ),
    fill('aliases of deep names', TYPE.A, 'answers', (i) => rawRecord(below(i), TYPE.CNAME, 300, above(1 + (i % 120)))),
    fill('many times the same alias', TYPE.A, 'answers', () => rawRecord(QNAME, TYPE.CNAME, 300, above(1))),
    fill('two spellings in turn', TYPE.A, 'answers', (i) =>
      rawRecord(i % 2 === 0 ? QNAME : concat(Uint8Array.of(1, 0x44), above(1)), TYPE.A, 300, ADDRESS),
    ),
    fill('records of distinct types', 255, 'answers', (i) => rawRecord(QNAME, 1000 + i, 300, new Uint8Array(0))),
    fill('signatures of distinct types', TYPE.RRSIG, 'answers', (i) => rawRecord(QNAME, TYPE.RRSIG, 300, rawU16(i))),
    fill('deep targets', TYPE.MX, 'answers', (i) => rawRecord(QNAME, TYPE.MX, 300, concat(rawU16(i), above(i % 120)))),
    fill('name servers of all names above', TYPE.A, 'authorities', (i) =>
      rawRecord(above(i % 120), TYPE.NS, 300, above(i % 120)),
    ),
    fill('SOA records of all names above', TYPE.A, 'authorities', (i) =>
      rawRecord(above(i % 120), TYPE.SOA, 300, concat(above(i % 120), above(i % 120), new Uint8Array(20))),
    ),
    fill('denials of deep names', TYPE.A, 'authorities', (i) => rawRecord(below(i), TYPE.NSEC, 300, new Uint8Array(0))),
    fill('additional addresses of deep name servers', TYPE.A, 'additionals', (i) =>
      rawRecord(above(i % 120), TYPE.A, 300, ADDRESS),
    ),
    fill('mail servers and their addresses in turn', TYPE.MX, 'answers', (i) =>
      rawRecord(above(0), TYPE.MX, 300, concat(rawU16(i), below(i))),
    ),
    fill('services of distinct parameters', TYPE.HTTPS, 'answers', () =>
      rawRecord(
        QNAME,
        TYPE.HTTPS,
        300,
        concat(rawU16(1), Uint8Array.of(0), ...Array.from({ length: 200 }, (_, i) => rawU16(i, 0))),
      ),
    ),
    servicesAtOwner(4 * maxBytes),
    { label: 'chains of 60 pointers', response: chainMessage(0x8180, rawNameOfLength(255), 60, maxBytes / 16) },
    { label: 'chains of 126 pointers', response: chainMessage(0x8180, rawNameOfLength(255), 126, maxBytes / 16) },
  ];
}
