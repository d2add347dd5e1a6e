import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorCode, FAILURES } from '../../src/failures/failures.ts';
import { refusalOf } from '../../src/policy/conformance.ts';
import {
  ask,
  type QuerySpec,
  type RawSpec,
  rawMessage,
  rawName,
  rawOpt,
  rawPointer,
  rawQuestion,
  rawRecord,
  receive,
} from '../fixtures/dns/messages.ts';

const RD = 0x0100;
const TC = 0x0200;

function refusal(spec: QuerySpec): string | undefined {
  return rcodeOf(refusalOf(ask(spec)));
}

function rawRefusal(spec: Partial<RawSpec>): string | undefined {
  const question = rawQuestion(rawName('example', 'com'));
  return rcodeOf(refusalOf(receive(rawMessage({ flags: RD, questions: [question], ...spec }))));
}

/** The reply to the client. */
function rcodeOf(code: ErrorCode | undefined): string | undefined {
  if (code === undefined) return undefined;
  const failure = FAILURES[code];
  return 'rcode' in failure ? failure.rcode : 'SERVFAIL';
}

test('an ordinary query is accepted, with any data type, with and without EDNS', () => {
  for (const type of ['A', 'AAAA', 'HTTPS', 'DNSKEY', 'ANY', 'UNKNOWN_65400'])
    assert.equal(refusal({ type }), undefined);
  assert.equal(refusal({ edns: { dnssecOk: true } }), undefined);
  assert.equal(refusal({ flags: RD | 0x30 }), undefined);
  assert.equal(refusal({ name: '.', type: 'NS' }), undefined);
});

test('every opcode but QUERY gets NOTIMP, even if the rest is malformed (RFC 1996, RFC 2136, RFC 3425, RFC 8490)', () => {
  for (let opcode = 1; opcode <= 15; opcode++) {
    assert.equal(rawRefusal({ flags: RD | (opcode << 11) }), 'NOTIMP', `opcode ${opcode}`);
    assert.equal(rawRefusal({ flags: opcode << 11, questions: [] }), 'NOTIMP', `opcode ${opcode}`);
  }
});

test('QDCOUNT 0 and 2 get FORMERR (RFC 9619 §4)', () => {
  const question = rawQuestion(rawName());
  assert.equal(rawRefusal({ questions: [] }), 'FORMERR');
  assert.equal(rawRefusal({ questions: [question, question] }), 'FORMERR');
});

test('a query that cannot be parsed to its end gets FORMERR', () => {
  assert.equal(rawRefusal({ questions: [rawQuestion(rawPointer(12))] }), 'FORMERR');
  assert.equal(rawRefusal({ counts: [1, 0, 0, 1] }), 'FORMERR');
});

test('two OPT records get FORMERR (RFC 6891 §6.1.1)', () => {
  assert.equal(rawRefusal({ additionals: [rawOpt()] }), undefined);
  assert.equal(rawRefusal({ additionals: [rawOpt(), rawOpt()] }), 'FORMERR');
});

test('a query with answer records, authority records or TC gets FORMERR', () => {
  const record = rawRecord(rawPointer(12), 1, 60, Uint8Array.of(192, 0, 2, 1));
  assert.equal(rawRefusal({ answers: [record] }), 'FORMERR');
  assert.equal(rawRefusal({ authorities: [record] }), 'FORMERR');
  assert.equal(rawRefusal({ flags: RD | TC }), 'FORMERR');
  assert.equal(rawRefusal({ additionals: [record] }), undefined);
});

test('an EDNS version above 0 gets BADVERS, before class and type are checked (RFC 6891 §6.1.3)', () => {
  for (const version of [1, 2, 255]) {
    assert.equal(refusal({ edns: { version } }), 'BADVERS');
    assert.equal(refusal({ class: 'CH', type: 'AXFR', edns: { version } }), 'BADVERS');
  }
});

test('classes other than IN get REFUSED, which hides the version (RFC 4892 §3)', () => {
  for (const other of ['CH', 'HS', 'ANY'] as const) {
    assert.equal(refusal({ name: 'version.bind', type: 'TXT', class: other }), 'REFUSED');
  }
  assert.equal(rawRefusal({ questions: [rawQuestion(rawName(), 1, 0)] }), 'REFUSED');
});

test('zone transfers get REFUSED, also IXFR with its SOA record in the authority section (RFC 5936, RFC 1995 §3)', () => {
  assert.equal(refusal({ type: 'AXFR' }), 'REFUSED');
  assert.equal(refusal({ type: 'IXFR' }), 'REFUSED');
  const soa = rawRecord(rawPointer(12), 6, 0, new Uint8Array(22));
  const question = rawQuestion(rawName('example'), 251);
  assert.equal(rawRefusal({ questions: [question], authorities: [soa] }), 'REFUSED');
});

test('OPT and meta-types get FORMERR (RFC 6891 §6.1.1, RFC 6895 §3.1)', () => {
  const refusalOfType = (type: number): string | undefined =>
    rawRefusal({ questions: [rawQuestion(rawName('example'), type)] });
  for (const type of [41, 128, 200, 249, 250, 253, 254]) assert.equal(refusalOfType(type), 'FORMERR', `type ${type}`);
  for (const type of [0, 40, 42, 127, 255, 256, 65_535]) assert.equal(refusalOfType(type), undefined, `type ${type}`);
});

test('a query without RD gets REFUSED: it could reveal other users’ queries', () => {
  assert.equal(refusal({ flags: 0 }), 'REFUSED');
});
