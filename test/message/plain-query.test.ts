import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildPlainQuery, matchPlainAnswer, PLAIN_QUERY_RANDOM_BYTES } from '../../src/message/plain-query.ts';
import { buildUpstreamQuery } from '../../src/message/upstream-query.ts';
import { encodeQuestion } from '../../src/message/wire/codec.ts';
import { HEADER_BYTES } from '../../src/message/wire/header.ts';
import { decodeReply } from '../fixtures/dns/messages.ts';

const LOW = new Uint8Array(PLAIN_QUERY_RANDOM_BYTES);
const HIGH = new Uint8Array(PLAIN_QUERY_RANDOM_BYTES).fill(0xff);
const upstreamQuery = (dnssecOk = false, cd = false, name = 'nas-1.lan'): Uint8Array =>
  buildUpstreamQuery(encodeQuestion(name, 'A'), dnssecOk, cd);

test('ID and case come from the random octets, and only letters change', () => {
  const low = decodeReply(buildPlainQuery(upstreamQuery(), LOW, true));
  const high = decodeReply(buildPlainQuery(upstreamQuery(), HIGH, true));
  assert.equal(low.questions?.[0]?.name, 'nas-1.lan');
  assert.equal(high.questions?.[0]?.name, 'NAS-1.LAN');
  assert.deepEqual([low.id, high.id], [0, 0xffff]);
});

test('the longest name needs no more random octets than there are', () => {
  const name = [63, 63, 63, 61].map((length) => 'a'.repeat(length)).join('.');
  const query = buildPlainQuery(upstreamQuery(false, false, name), HIGH, false);
  assert.equal(decodeReply(query).questions?.[0]?.name, name.toUpperCase());
});

test('RD is set, CD and DO are those of the upstream query, and AD is not set', () => {
  for (const dnssecOk of [false, true]) {
    for (const cd of [false, true]) {
      const { flag_rd, flag_cd, flag_ad, additionals } = decodeReply(
        buildPlainQuery(upstreamQuery(dnssecOk, cd), LOW, true),
      );
      assert.deepEqual([flag_rd, flag_cd, flag_ad], [true, cd, false]);
      const [opt] = additionals ?? [];
      assert.ok(opt?.type === 'OPT');
      assert.equal(opt.flag_do, dnssecOk);
    }
  }
});

test('the OPT record has no option, padding included, and can be left out', () => {
  const [opt] = decodeReply(buildPlainQuery(upstreamQuery(), LOW, true)).additionals ?? [];
  assert.ok(opt?.type === 'OPT');
  assert.deepEqual(opt.options, []);
  assert.deepEqual(decodeReply(buildPlainQuery(upstreamQuery(), LOW, false)).additionals, []);
});

/** The query as its own response, changed. */
function responseTo(query: Uint8Array, change: (response: Buffer) => void = () => {}): Uint8Array {
  const response = Buffer.from(query);
  response.writeUInt16BE(0x8180, 2);
  change(response);
  return response;
}

test('a response matches only with ID, QR, opcode and the question, case included', () => {
  const query = buildPlainQuery(upstreamQuery(), HIGH, true);
  assert.equal(matchPlainAnswer(query, responseTo(query)), 'answer');
  assert.equal(
    matchPlainAnswer(
      query,
      responseTo(query, (r) => (r[HEADER_BYTES + 1] = 0x6e)),
    ),
    'recased',
  );
  const strays: readonly ((response: Buffer) => void)[] = [
    (r) => r.writeUInt16BE(1, 0),
    (r) => r.writeUInt16BE(0x0100, 2),
    (r) => r.writeUInt16BE(0xa180, 2),
    (r) => r.writeUInt16BE(0, 4),
    (r) => r.writeUInt16BE(2, 4),
    (r) => (r[HEADER_BYTES + 1] = 0x58),
    (r) => r.writeUInt16BE(28, HEADER_BYTES + 11),
    (r) => r.writeUInt16BE(3, HEADER_BYTES + 13),
  ];
  for (const [index, change] of strays.entries()) {
    assert.equal(matchPlainAnswer(query, responseTo(query, change)), 'stray', String(index));
  }
  assert.equal(matchPlainAnswer(query, query.subarray(0, 11)), 'stray');
  assert.equal(matchPlainAnswer(query, responseTo(query).subarray(0, 20)), 'stray');
});

test('FORMERR and NOTIMP refuse EDNS only if the query had an OPT record, with or without the question', () => {
  const [withOpt, without] = [
    buildPlainQuery(upstreamQuery(), LOW, true),
    buildPlainQuery(upstreamQuery(), LOW, false),
  ];
  for (const rcode of [1, 4]) {
    const refuse = (r: Buffer): number => r.writeUInt16BE(0x8180 | rcode, 2);
    const bare = (r: Buffer): void => void [refuse(r), r.writeUInt16BE(0, 4)];
    assert.equal(matchPlainAnswer(withOpt, responseTo(withOpt, refuse)), 'refused-edns');
    assert.equal(matchPlainAnswer(withOpt, responseTo(withOpt, bare).subarray(0, HEADER_BYTES)), 'refused-edns');
    assert.equal(matchPlainAnswer(without, responseTo(without, refuse)), 'answer');
  }
});
