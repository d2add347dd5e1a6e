import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildUpstreamQuery } from '../../src/message/upstream-query.ts';
import { createQueryScanner } from '../../src/message/wire/scan-query.ts';
import {
  ask,
  buildQuery,
  decodeReply,
  type QuerySpec,
  rawName,
  rawNameOfLength,
  rawQuestion,
} from '../fixtures/dns/messages.ts';

const RD = 0x0100;
const AD = 0x0020;
const CD = 0x0010;

/** The upstream query for a client's query, built as the resolver builds it. */
function sentFor(spec: QuerySpec): Uint8Array {
  const { wire, scan } = ask(spec);
  return buildUpstreamQuery(wire.subarray(12, scan.questionEnd), scan.dnssecOk, ((wire[3] ?? 0) & CD) !== 0);
}

test('the query is a multiple of 128 octets for every name length (RFC 8467 §4.1)', () => {
  for (let bytes = 3; bytes <= 255; bytes++) {
    const question = rawQuestion(rawNameOfLength(bytes));
    const query = buildUpstreamQuery(question, false, false);
    assert.equal(query.length, 128 * Math.ceil((12 + question.length + 15) / 128), `QNAME of ${bytes} octets`);
    const { verdict, questionEnd, edns } = createQueryScanner()(query);
    assert.deepEqual([verdict, questionEnd, edns], ['ok', 12 + question.length, true]);
  }
  assert.equal(buildUpstreamQuery(rawQuestion(rawName()), false, false).length, 128);
});

function option(code: number, octets: string): { readonly code: number; readonly data: Uint8Array } {
  return { code, data: Buffer.from(octets, 'latin1') };
}

test('it has ID 0, RD, AD, one question, and one OPT record with only zero padding (RFC 8484 §4.1, RFC 6840 §5.7)', () => {
  const query = sentFor({ name: 'Example.COM', type: 'AAAA' });
  assert.deepEqual([...query.subarray(0, 12)], [0, 0, 0x01, 0x20, 0, 1, 0, 0, 0, 0, 0, 1]);
  const { questions, additionals } = decodeReply(query);
  assert.deepEqual(questions, [{ name: 'example.com', type: 'AAAA', class: 'IN' }]);
  const [opt] = additionals ?? [];
  assert.ok(opt?.type === 'OPT');
  assert.deepEqual([opt.udpPayloadSize, opt.extendedRcode, opt.ednsVersion, opt.flags], [1232, 0, 0, 0]);
  assert.deepEqual(
    opt.options.map(({ code, data }) => ({ code, length: data?.length, zero: data?.every((octet) => octet === 0) })),
    [{ code: 12, length: 128 - 12 - 17 - 15, zero: true }],
  );
});

test('DO and CD are passed on and do not change the length (RFC 4035 §3.2)', () => {
  const scan = createQueryScanner();
  const plain = sentFor({ edns: {} });
  const validated = sentFor({ edns: { dnssecOk: true } });
  const unchecked = sentFor({ flags: RD | CD });
  assert.deepEqual(
    [plain, validated, unchecked].map((query) => scan(query).dnssecOk),
    [false, true, false],
  );
  assert.deepEqual(
    [plain, validated, unchecked].map((query) => (query[3] ?? 0) & CD),
    [0, 0, CD],
  );
  assert.deepEqual(new Set([plain.length, validated.length, unchecked.length]), new Set([128]));
});

test('the same question from clients of any kind is the same octets', () => {
  const clients: readonly QuerySpec[] = [
    {},
    { id: 0 },
    { id: 0xffff },
    { name: 'eXaMpLe.CoM' },
    { flags: 0 },
    { flags: RD | AD },
    { edns: {} },
    { edns: { udpPayloadBytes: 512 } },
    { edns: { udpPayloadBytes: 65_535 } },
    // Cookie (RFC 7873), client subnet (RFC 7871), keepalive (RFC 7828), padding (RFC 7830), NSID, an experimental one.
    { edns: { options: [option(10, '8 octets')] } },
    { edns: { options: [option(8, '\u0000\u0001\u0018\u0000\u00c0\u0000\u0002')] } },
    { edns: { options: [option(11, ''), option(12, '\u0000'.repeat(300)), option(3, ''), option(65_001, 'me')] } },
  ];
  const sent = clients.map((spec) => Buffer.from(sentFor(spec)).toString('hex'));
  assert.deepEqual(new Set(sent), new Set([sent[0]]));
});

test('another name, type or class is other octets', () => {
  const questions = [buildQuery(), buildQuery({ name: 'example.org' }), buildQuery({ type: 'AAAA' })];
  const sent = questions.map((wire) => buildUpstreamQuery(wire.subarray(12), false, false));
  sent.push(buildUpstreamQuery(rawQuestion(rawName('example', 'com'), 1, 3), false, false));
  assert.equal(new Set(sent.map((query) => Buffer.from(query).toString('hex'))).size, 4);
});

test('labels with any octets and unknown types are passed on unchanged (RFC 3597 §3)', () => {
  const odd = rawName('\u0000.\u00ff', '\u00c1\u00e1');
  const query = buildUpstreamQuery(rawQuestion(odd, 65_400), false, false);
  assert.deepEqual(Buffer.from(query.subarray(12, 12 + odd.length)), Buffer.from(odd));
  assert.deepEqual([...query.subarray(12 + odd.length, 12 + odd.length + 4)], [0xff, 0x78, 0, 1]);
});

test('the client’s question is not modified', () => {
  const question = rawQuestion(rawName('UPPER'));
  const before = question.slice();
  buildUpstreamQuery(question, true, true);
  assert.deepEqual(question, before);
});
