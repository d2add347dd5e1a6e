import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EDE } from '../../src/failures/failures.ts';
import { type Answer, parseAnswer } from '../../src/message/answer/answer.ts';
import { FLAG, flagsOf } from '../../src/message/wire/header.ts';
import { TYPE } from '../../src/message/wire/tables.ts';
import { Policy } from '../../src/policy/policy.ts';
import {
  buildResponse,
  decodeReply,
  rawMessage,
  rawName,
  rawPointer,
  rawQuestion,
  rawU16,
} from '../fixtures/dns/messages.ts';
import { PLAIN, PLAIN_POLICY } from '../fixtures/policies.ts';

const NAME = 'a.example.com';
const AD = 0x0020;

/** The records of a section of an answer, each as one line. */
function lines(answer: Answer, section: 'answers' | 'authorities' | 'additionals' = 'answers'): string[] {
  const records = decodeReply(answer.bytes.subarray(0, answer.messageBytes))[section] ?? [];
  return records.map((record) => {
    const { name, type } = record;
    return `${name} ${type} ${'data' in record ? JSON.stringify(record.data) : ''}`;
  });
}

function addresses(type: 'A' | 'AAAA', ...data: readonly string[]): Answer {
  const answers = data.map((address) => ({ type, name: NAME, ttl: 300, data: address }) as const);
  return parseAnswer(buildResponse({ name: NAME, type, flags: AD, answers }));
}

const PRIVATE = {
  A: [
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '100.64.0.1',
    '100.127.255.255',
    '127.0.0.1',
    '127.255.255.255',
    '169.254.1.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.1',
  ],
  AAAA: [
    '::',
    '::1',
    '::ffff:10.0.0.1',
    '::192.168.1.1',
    '64:ff9b::10.0.0.1',
    '64:ff9b:1::8.8.8.8',
    '2002:c0a8:101::1',
    'fc00::1',
    'fdff::1',
    'fe80::1',
    'febf::1',
    'fec0::1',
  ],
} as const;

const PUBLIC = {
  A: [
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.0.1',
    '100.128.0.1',
    '126.0.0.1',
    '128.0.0.1',
    '169.253.0.1',
    '172.15.0.1',
    '172.32.0.1',
    '192.167.0.1',
    '192.169.0.1',
  ],
  AAAA: ['2606:4700::1111', '::ffff:1.1.1.1', '64:ff9b::1.1.1.1', '2002:101:101::1', 'fbff::1', 'fe00::1', 'ff02::1'],
} as const;

for (const type of ['A', 'AAAA'] as const) {
  test(`private ${type} records of public names are removed, and the others stay`, () => {
    for (const address of PRIVATE[type]) {
      const reviewed = PLAIN_POLICY.review(addresses(type, address, PUBLIC[type][0]));
      assert.equal(lines(reviewed).length, 1, address);
      assert.equal(reviewed.extendedError?.code, EDE.blocked);
      assert.equal(flagsOf(reviewed.bytes) & FLAG.AD, 0);
    }
    for (const address of PUBLIC[type]) {
      const answer = addresses(type, address);
      assert.equal(PLAIN_POLICY.review(answer), answer, address);
    }
  });
}

test('an answer that loses all its addresses has no data, can be cached, and says why', () => {
  const reviewed = PLAIN_POLICY.review(addresses('A', '10.0.0.1', '192.168.1.1'));
  assert.deepEqual([reviewed.kind, reviewed.rcode, lines(reviewed)], ['nodata', 0, []]);
  assert.deepEqual([reviewed.negativeTtl, reviewed.lowestTtl], [300, 300]);
  assert.equal(reviewed.extendedError?.code, EDE.blocked);
});

test('the names of routes, the domains that the operator exempts, and --private-answers allow keep private addresses', () => {
  const answer = addresses('A', '10.0.0.1');
  const wire = Buffer.from(rawName('example', 'com')).toString('latin1');
  for (const init of [
    { removesPrivate: false },
    { covers: (qname: string) => qname.endsWith(wire) },
    { keepsPrivateFor: new Set([wire]) },
  ]) {
    assert.equal(new Policy({ ...PLAIN, ...init }).review(answer), answer);
  }
  const others = new Policy({ ...PLAIN, covers: () => false, keepsPrivateFor: new Set([`\u0001x${wire}`]) });
  assert.notEqual(others.review(answer), answer);
});

test('SVCB and HTTPS records with a private address hint are removed', () => {
  const v4 = [0, 4, 0, 8, 1, 1, 1, 1, 10, 0, 0, 1];
  const v6 = [0, 6, 0, 16, 0xfd, ...Array.from({ length: 15 }, () => 0)];
  const alpn = [0, 1, 0, 3, 2, 0x68, 0x32];
  const publicV4 = [0, 4, 0, 4, 1, 1, 1, 1];
  for (const type of [TYPE.SVCB, TYPE.HTTPS]) {
    for (const [parameters, isRemoved] of [
      [[...alpn, ...v4], true],
      [[...alpn, ...v6], true],
      [[...alpn, ...publicV4], false],
      [[...publicV4, ...v6], true],
      [[], false],
    ] as const) {
      const data = Uint8Array.from([0, 1, ...rawName('svc', 'example'), ...parameters]);
      const qname = rawName('a', 'example', 'com');
      const wire = rawMessage({
        flags: 0x8180,
        questions: [rawQuestion(qname, type)],
        answers: [rawRecordOf(rawPointer(12), type, 60, data)],
      });
      const answer = parseAnswer(wire);
      assert.equal(PLAIN_POLICY.review(answer).kind, isRemoved ? 'nodata' : 'data');
    }
  }
});

test('a malformed SVCB record is read within its bounds', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (data) => {
      const wire = rawMessage({
        flags: 0x8180,
        questions: [rawQuestion(rawName('a'), TYPE.HTTPS)],
        answers: [rawRecordOf(rawPointer(12), TYPE.HTTPS, 60, data)],
      });
      PLAIN_POLICY.review(parseAnswer(wire));
    }),
  );
});

function rawRecordOf(owner: Uint8Array, type: number, ttl: number, data: Uint8Array): Uint8Array {
  return Uint8Array.from([...owner, ...rawU16(type, 1, 0, ttl, data.length), ...data]);
}

/** One record of the model. */
interface Model {
  readonly owner: string;
  readonly kind: 'A' | 'CNAME' | 'RRSIG';
  /** For A. */
  readonly isPrivate: boolean;
  /** For CNAME. */
  readonly target: string;
  /** Whether names are written as pointers where that is possible. */
  readonly compressed: boolean;
}

const labels = fc.constantFrom('a', 'b', 'www', 'cdn');
const names = fc.array(labels, { minLength: 1, maxLength: 3 }).map((parts) => [...parts, 'example', 'com'].join('.'));
const models: fc.Arbitrary<readonly Model[]> = fc.array(
  fc.record({
    owner: names,
    kind: fc.constantFrom('A' as const, 'A' as const, 'CNAME' as const, 'RRSIG' as const),
    isPrivate: fc.boolean(),
    target: names,
    compressed: fc.boolean(),
  }),
  { minLength: 1, maxLength: 12 },
);

/** Writes the message as a compressing server would: any suffix that occurred before becomes a pointer. */
function encode(records: readonly Model[]): Uint8Array {
  const bytes: number[] = [...rawMessage({ flags: 0x81a0, questions: [rawQuestion(rawName(...NAME.split('.')))] })];
  bytes[7] = records.length;
  const offsets = new Map<string, number>([
    [NAME, 12],
    ['example.com', 14],
    ['com', 22],
  ]);
  const writeName = (name: string, compressed: boolean): void => {
    const parts = name.split('.');
    for (let i = 0; i < parts.length; i++) {
      const suffix = parts.slice(i).join('.');
      const known = compressed ? offsets.get(suffix) : undefined;
      if (known !== undefined) {
        bytes.push(0xc0 | (known >> 8), known & 0xff);
        return;
      }
      offsets.set(suffix, bytes.length);
      bytes.push(parts[i]!.length, ...Buffer.from(parts[i]!));
    }
    bytes.push(0);
  };
  for (const [i, { owner, kind, isPrivate, target, compressed }] of records.entries()) {
    writeName(owner, compressed);
    bytes.push(...rawU16(TYPE[kind], 1, 0, 60, 0));
    const start = bytes.length;
    if (kind === 'A') bytes.push(isPrivate ? 10 : 1, 0, 0, i);
    else if (kind === 'CNAME') writeName(target, compressed);
    else bytes.push(...rawU16(TYPE.A), 8, 2, ...rawU16(0, 60, 0, 0, 0, 0, i), ...rawName('com'), i);
    bytes[start - 1] = bytes.length - start;
  }
  return Uint8Array.from(bytes);
}

test('whatever names point into what is removed, the other records keep their names and data', () => {
  fc.assert(
    fc.property(models, (records) => {
      const answer = parseAnswer(encode(records));
      const all = lines(answer);
      assert.equal(all.length, records.length);
      const isPrivate = (model: Model): boolean => model.kind === 'A' && model.isPrivate;
      const losing = new Set(records.filter(isPrivate).map(({ owner }) => owner));
      const expected = all.filter((_, i) => {
        const model = records[i]!;
        return !isPrivate(model) && !(model.kind === 'RRSIG' && losing.has(model.owner));
      });
      const reviewed = PLAIN_POLICY.review(answer);
      if (losing.size === 0) assert.equal(reviewed, answer);
      else if (expected.some((line) => / A /.test(line))) assert.deepEqual(lines(reviewed), expected);
      else if (answer.kind === 'data') assert.deepEqual([reviewed.kind, lines(reviewed)], ['nodata', []]);
    }),
    { numRuns: 2000 },
  );
});

test('authority and additional records stay in their sections', () => {
  const mx = { type: 'SRV', name: NAME, ttl: 60, data: { port: 1, target: 'h.example.com' } } as const;
  const ns = { type: 'NS', name: 'example.com', ttl: 60, data: 'ns.example.com' } as const;
  const glue = ['10.0.0.1', '1.1.1.1'].map((data) => ({ type: 'A', name: 'h.example.com', ttl: 60, data }) as const);
  const answer = parseAnswer(
    buildResponse({ name: NAME, type: 'SRV', answers: [mx], authorities: [ns], additionals: glue }),
  );
  const reviewed = PLAIN_POLICY.review(answer);
  assert.deepEqual(lines(reviewed), lines(answer));
  assert.deepEqual(lines(reviewed, 'authorities'), lines(answer, 'authorities'));
  assert.deepEqual(lines(reviewed, 'additionals'), ['h.example.com A "1.1.1.1"']);
});
