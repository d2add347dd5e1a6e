import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAnswer } from '../../src/message/answer/answer.ts';
import {
  addressRecord,
  ask,
  buildQuery,
  buildResponse,
  concat,
  decodeReply,
  rawMessage,
  rawName,
  rawOpt,
  rawPointer,
  rawQuestion,
  rawRecord,
  rawU16,
  receive,
} from '../fixtures/dns/messages.ts';
import { answerBytes, replyBytes } from '../fixtures/dns/replies.ts';

const QR = 0x8000;
const AA = 0x0400;
const TC = 0x0200;
const RD = 0x0100;
const RA = 0x0080;
const AD = 0x0020;
const CD = 0x0010;

const ANSWER = parseAnswer(buildResponse({ answers: [addressRecord('example.com', 300)] }));
const AUTHENTIC = parseAnswer(buildResponse({ flags: AD, answers: [addressRecord('example.com', 300)] }));

function flagsOf(reply: Uint8Array): number {
  return Buffer.from(reply).readUInt16BE(2);
}

/** TTLs of all records but OPT. */
function ttlsOf(reply: Uint8Array): readonly unknown[] {
  const { answers = [], authorities = [], additionals = [] } = decodeReply(reply);
  return [...answers, ...authorities, ...additionals].flatMap((record) => ('ttl' in record ? [record.ttl] : []));
}

test('the reply has the client’s ID (RFC 1035 §4.1.1)', () => {
  for (const id of [0, 1, 0xabcd, 0xffff]) {
    assert.equal(decodeReply(answerBytes(ask({ id }), ANSWER, 0)).id, id);
    assert.equal(decodeReply(replyBytes(ask({ id }), 5)).id, id);
  }
});

test('RD and CD come from the query, RA is set, AA and TC are not, for any upstream flags (RFC 1035 §4.1.1, RFC 4035 §3.2.2)', () => {
  const loud = parseAnswer(rawMessage({ flags: 0xfff0, questions: [rawQuestion(rawName('example', 'com'))] }));
  for (const asked of [0, RD, CD, RD | CD]) {
    for (const answer of [ANSWER, loud]) {
      assert.equal(flagsOf(answerBytes(ask({ flags: asked }), answer, 0)), QR | RA | asked);
    }
    assert.equal(flagsOf(replyBytes(ask({ flags: asked }), 0)), QR | RA | asked);
  }
  assert.equal(flagsOf(answerBytes(ask({ flags: RD | AA | TC | RA }), ANSWER, 0)), QR | RA | RD);
});

test('a query with an unknown opcode gets a header with its ID and opcode and nothing else (RFC 8906 §3.1.4)', () => {
  for (let opcode = 1; opcode <= 15; opcode++) {
    for (const query of [
      rawMessage({ id: 0xabcd, flags: (opcode << 11) | AA | TC | RD | RA | 0x0040 | AD | CD | 0xf }),
      buildQuery({ id: 0xabcd, flags: opcode << 11, edns: { dnssecOk: true } }),
    ]) {
      assert.deepEqual(
        Buffer.from(replyBytes(receive(query), 4)),
        Buffer.from(rawMessage({ id: 0xabcd, flags: QR | (opcode << 11) | 4 })),
      );
    }
  }
});

test('AD is set only for a client that sent AD or DO, and only if the upstream set it (RFC 6840 §5.8)', () => {
  const dnssecOk = { dnssecOk: true };
  for (const [query, understands] of [
    [ask(), false],
    [ask({ edns: {} }), false],
    [ask({ flags: RD | AD }), true],
    [ask({ edns: dnssecOk }), true],
    [ask({ flags: RD | AD, edns: dnssecOk }), true],
  ] as const) {
    assert.equal(flagsOf(answerBytes(query, AUTHENTIC, 0)) & AD, understands ? AD : 0);
    assert.equal(flagsOf(answerBytes(query, ANSWER, 0)) & AD, 0);
    assert.equal(flagsOf(replyBytes(query, 2)) & AD, 0);
  }
});

test('the question comes back in the client’s letter case, and so do names that point to it (RFC 4343 §4.1)', () => {
  const question = rawQuestion(rawName('Example', 'COM'));
  const record = rawRecord(rawPointer(12), 1, 300, Uint8Array.of(192, 0, 2, 1));
  const answer = parseAnswer(rawMessage({ flags: 0x8180, questions: [question], answers: [record] }));
  for (const name of ['example.com', 'eXAMPle.CoM', 'EXAMPLE.COM']) {
    const { questions, answers } = decodeReply(answerBytes(ask({ name }), answer, 0));
    assert.deepEqual([questions?.[0]?.name, answers?.[0]?.name], [name, name]);
    assert.equal(decodeReply(replyBytes(ask({ name }), 2)).questions?.[0]?.name, name);
  }
});

test('labels with any octets and records of unknown types are passed on unchanged (RFC 3597 §3)', () => {
  const question = rawQuestion(rawName('\u0000.\u00ff', 'a'), 65_400);
  const record = rawRecord(rawPointer(12), 65_400, 300, Uint8Array.of(0, 0xff, 0xc0, 0x0c));
  const response = rawMessage({ id: 7, flags: 0x8180, questions: [question], answers: [record] });
  const query = receive(rawMessage({ id: 7, flags: RD, questions: [question] }));
  assert.deepEqual(new Uint8Array(answerBytes(query, parseAnswer(response), 0)), response);
});

test('TTLs are reduced by the answer’s age in all sections, and never below 0', () => {
  const answer = parseAnswer(
    buildResponse({
      answers: [addressRecord('example.com', 300)],
      authorities: [{ type: 'NS', name: 'com', ttl: 200, data: 'ns.example.com' }],
      additionals: [addressRecord('ns.example.com', 100)],
    }),
  );
  assert.deepEqual(ttlsOf(answerBytes(ask(), answer, 0)), [300, 200, 100]);
  assert.deepEqual(ttlsOf(answerBytes(ask(), answer, 99)), [201, 101, 1]);
  assert.deepEqual(ttlsOf(answerBytes(ask(), answer, 250)), [50, 0, 0]);
  assert.deepEqual(ttlsOf(answerBytes(ask(), answer, 1_000_000)), [0, 0, 0]);
});

test('shaping changes neither the answer nor the query', () => {
  const answer = Buffer.from(ANSWER.bytes).toString('hex');
  const wire = buildQuery({ name: 'EXAMPLE.com', edns: { dnssecOk: true } });
  const reply = answerBytes(receive(wire), ANSWER, 200);
  reply.fill(0xff);
  assert.equal(Buffer.from(ANSWER.bytes).toString('hex'), answer);
  assert.deepEqual(wire, buildQuery({ name: 'EXAMPLE.com', edns: { dnssecOk: true } }));
});

test('only a query with EDNS gets an OPT record: exactly one, our own, with DO as in the query (RFC 6891 §6.1.1, RFC 3225 §3)', () => {
  const withOpt = parseAnswer(
    rawMessage({
      flags: 0x8180,
      questions: [rawQuestion(rawName('example', 'com'))],
      additionals: [rawRecord(rawName('ns'), 1, 60, Uint8Array.of(192, 0, 2, 1)), rawOpt(0x8000, 4096)],
    }),
  );
  for (const reply of [answerBytes(ask(), withOpt, 0), replyBytes(ask(), 2, { code: 23, text: 'x' })]) {
    assert.ok(decodeReply(reply).additionals?.every(({ type }) => type !== 'OPT'));
  }
  for (const dnssecOk of [false, true]) {
    const query = ask({ edns: { dnssecOk, udpPayloadBytes: 4096 } });
    for (const reply of [answerBytes(query, withOpt, 0), replyBytes(query, 2)]) {
      const opts = decodeReply(reply).additionals?.filter(({ type }) => type === 'OPT');
      assert.equal(opts?.length, 1);
      assert.ok(opts[0]?.type === 'OPT');
      assert.deepEqual([opts[0].udpPayloadSize, opts[0].flag_do, opts[0].ednsVersion], [1232, dnssecOk, 0]);
    }
  }
});

test('an extended error is in the OPT record (RFC 8914 §2)', () => {
  const reply = replyBytes(ask({ edns: {} }), 2, { code: 23, text: 'no way' });
  const [opt] = decodeReply(reply).additionals ?? [];
  assert.ok(opt?.type === 'OPT');
  assert.deepEqual(
    opt.options.map(({ code, data }) => [code, data?.toString('latin1')]),
    [[15, '\u0000\u0017no way']],
  );
});

test('an extended RCODE is split between header and OPT record, and becomes SERVFAIL without OPT (RFC 6891 §6.1.3)', () => {
  const badvers = 16;
  const reply = replyBytes(ask({ edns: {} }), badvers);
  const [opt] = decodeReply(reply).additionals ?? [];
  assert.ok(opt?.type === 'OPT');
  assert.deepEqual([flagsOf(reply) & 0xf, opt.extendedRcode], [0, 1]);
  assert.equal(decodeReply(replyBytes(ask(), badvers)).rcode, 'SERVFAIL');
});

test('a query without a valid question gets a header, and OPT if it had one', () => {
  const none = receive(rawMessage({ id: 0x4242, flags: RD, questions: [] }));
  assert.deepEqual([...replyBytes(none, 1)], [0x42, 0x42, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0]);
  const noneWithOpt = receive(rawMessage({ flags: RD, questions: [], additionals: [rawOpt()] }));
  assert.deepEqual(
    decodeReply(replyBytes(noneWithOpt, 1)).additionals?.map(({ type }) => type),
    ['OPT'],
  );
  const pointer = receive(rawMessage({ flags: RD, questions: [rawQuestion(rawPointer(12))] }));
  assert.equal(replyBytes(pointer, 1).length, 12);
});

test('a refusal contains no records of the query', () => {
  const record = rawRecord(rawPointer(12), 1, 60, Uint8Array.of(192, 0, 2, 1));
  const question = rawQuestion(rawName('example', 'com'));
  const query = receive(rawMessage({ flags: RD, questions: [question], answers: [record], additionals: [rawOpt()] }));
  const { questions, answers, authorities, additionals } = decodeReply(replyBytes(query, 1));
  assert.deepEqual(
    [questions, answers, authorities, additionals].map((section) => section?.length),
    [1, 0, 0, 1],
  );
});

test('keepalive is sent only on request and only over TCP (RFC 7828 §3.2)', () => {
  const asking = { options: [{ code: 11, data: new Uint8Array(0) }] };
  for (const [query, tenths] of [
    [ask({ edns: asking }, 'tcp'), [100]],
    [ask({ edns: {} }, 'tcp'), []],
    [ask({ edns: asking }, 'udp'), []],
  ] as const) {
    for (const reply of [answerBytes(query, ANSWER, 0), replyBytes(query, 2)]) {
      const [opt] = decodeReply(reply).additionals ?? [];
      assert.ok(opt?.type === 'OPT');
      assert.deepEqual(
        opt.options.map(({ data }) => data?.readUInt16BE(0)),
        tenths,
      );
    }
  }
});

test('the upstream’s extended error is passed on, unless another replaces it (RFC 8914 §3)', () => {
  const data = concat(rawU16(15, 5, 9), Buffer.from('why'));
  const answer = parseAnswer(
    rawMessage({
      flags: 0x8182,
      questions: [rawQuestion(rawName('example', 'com'))],
      additionals: [rawRecord(rawName(), 41, 0, data, 1232)],
    }),
  );
  const query = ask({ edns: {} });
  assert.deepEqual(new Uint8Array(answerBytes(query, answer, 0).subarray(-9)), data);
  const other = concat(rawU16(15, 5, 13), Buffer.from('old'));
  const reply = answerBytes(query, answer, 0, { code: 13, text: 'old' });
  assert.deepEqual(new Uint8Array(reply.subarray(-9)), other);
});
