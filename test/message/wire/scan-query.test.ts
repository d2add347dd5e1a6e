import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createQueryScanner, type QueryScan } from '../../../src/message/wire/scan-query.ts';
import {
  buildQuery,
  concat,
  type RawSpec,
  rawMessage,
  rawName,
  rawNameOfLength,
  rawOpt,
  rawPointer,
  rawQuestion,
  rawRecord,
  rawU16,
} from '../../fixtures/dns/messages.ts';

const RD = 0x0100;
const QUESTION = rawQuestion(rawName('example', 'com'));

const scan: (wire: Uint8Array) => QueryScan = createQueryScanner();

function scanRaw(spec: Partial<RawSpec>): QueryScan {
  return scan(rawMessage({ flags: RD, questions: [QUESTION], ...spec }));
}

test('a scan finds the end of the question, QTYPE and QCLASS', () => {
  assert.deepEqual(scanRaw({ questions: [rawQuestion(rawName('a', 'b'), 0xff01, 0xfe02)] }), {
    verdict: 'ok',
    questionEnd: 12 + 5 + 4,
    qtype: 0xff01,
    qclass: 0xfe02,
    edns: false,
    ednsVersion: 0,
    udpPayloadBytes: 512,
    dnssecOk: false,
    keepalive: false,
    padded: false,
    provenance: false,
  });
});

test('the root and the longest name are valid QNAMEs', () => {
  assert.equal(scanRaw({ questions: [rawQuestion(rawName())] }).questionEnd, 12 + 1 + 4);
  assert.equal(scanRaw({ questions: [rawQuestion(rawNameOfLength(255))] }).questionEnd, 12 + 255 + 4);
});

test('fewer than 12 octets are too short for a header', () => {
  for (let length = 0; length < 12; length++) assert.equal(scan(new Uint8Array(length)).verdict, 'short');
});

test('any message with QR=1 is a response', () => {
  assert.equal(scanRaw({ flags: 0x8000 | RD }).verdict, 'response');
  assert.equal(scan(Uint8Array.of(0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0)).verdict, 'response');
});

test('a query with EDNS is malformed wherever it is truncated; its question is valid once it is complete', () => {
  const option = { code: 10, data: Buffer.from('12345678') };
  const wire = buildQuery({ name: 'www.example.com', edns: { dnssecOk: true, options: [option] } });
  const { questionEnd } = scan(wire);
  for (let length = 12; length < wire.length; length++) {
    const found = scan(wire.subarray(0, length));
    assert.equal(found.verdict, 'malformed', `${length} octets`);
    assert.equal(found.questionEnd, length < questionEnd ? 0 : questionEnd, `${length} octets`);
  }
  assert.equal(scan(wire).verdict, 'ok');
});

test('octets behind the given view are not read', () => {
  const wire = buildQuery({ edns: {} });
  const cut = concat(wire, wire).subarray(0, wire.length - 1);
  assert.equal(scan(cut).verdict, 'malformed');
});

test('QDCOUNT other than 1 is malformed, without a question (RFC 9619 §4)', () => {
  for (const questions of [[], [QUESTION, QUESTION]]) {
    const found = scanRaw({ questions });
    assert.deepEqual([found.verdict, found.questionEnd, found.qtype], ['malformed', 0, -1]);
  }
  assert.equal(scanRaw({ counts: [0, 0, 0, 0] }).verdict, 'malformed');
});

test('a pointer in QNAME is malformed: nothing precedes it (RFC 1035 §4.1.4)', () => {
  for (const name of [rawPointer(12), rawPointer(0), concat(Uint8Array.of(1, 0x61), rawPointer(12))]) {
    assert.equal(scanRaw({ questions: [rawQuestion(name)] }).verdict, 'malformed');
  }
});

test('a label of 64 octets or more and a name of 256 are malformed (RFC 1035 §2.3.4)', () => {
  assert.equal(scanRaw({ questions: [rawQuestion(rawName('a'.repeat(63)))] }).verdict, 'ok');
  assert.equal(scanRaw({ questions: [rawQuestion(rawName('a'.repeat(64)))] }).verdict, 'malformed');
  assert.equal(scanRaw({ questions: [rawQuestion(rawNameOfLength(256))] }).verdict, 'malformed');
});

test('counts above the number of records are malformed', () => {
  for (const section of [1, 2, 3]) {
    for (const lie of [1, 2, 0xffff]) {
      const counts: [number, number, number, number] = [1, 0, 0, 0];
      counts[section] = lie;
      const found = scanRaw({ counts });
      assert.equal(found.verdict, 'malformed', `count ${section} says ${lie}`);
      assert.equal(found.questionEnd, 12 + QUESTION.length);
    }
  }
  assert.equal(scanRaw({ additionals: [rawOpt()], counts: [1, 0, 0, 2] }).verdict, 'malformed');
});

test('octets behind the last record are ignored', () => {
  assert.equal(scan(concat(buildQuery(), Uint8Array.of(1, 2, 3))).verdict, 'ok');
});

test('payload size, version and DO are read from the OPT record at any position (RFC 6891 §6.1)', () => {
  const other = rawRecord(rawPointer(12), 1, 5, Uint8Array.of(127, 0, 0, 1));
  const opt = rawOpt(0xff_02_80_00, 4096);
  for (const additionals of [[opt], [other, opt], [opt, other]]) {
    const found = scanRaw({ additionals });
    assert.equal(found.verdict, 'ok');
    assert.deepEqual([found.edns, found.ednsVersion, found.udpPayloadBytes, found.dnssecOk], [true, 2, 4096, true]);
  }
  assert.equal(scanRaw({ additionals: [rawOpt(0x7fff)] }).dnssecOk, false);
});

test('a payload size below 512 counts as 512 (RFC 6891 §6.2.3)', () => {
  for (const [claimed, meant] of [
    [0, 512],
    [511, 512],
    [512, 512],
    [513, 513],
    [0xffff, 0xffff],
  ] as const) {
    assert.equal(scanRaw({ additionals: [rawOpt(0, claimed)] }).udpPayloadBytes, meant);
  }
});

test('two OPT records are malformed, and the reply still has one (RFC 6891 §6.1.1)', () => {
  const found = scanRaw({ additionals: [rawOpt(), rawOpt()] });
  assert.deepEqual([found.verdict, found.edns], ['malformed', true]);
});

test('an OPT record whose name is not the root is malformed (RFC 6891 §6.1.2)', () => {
  assert.equal(scanRaw({ additionals: [rawOpt(0, 1232, rawName('a'))] }).verdict, 'malformed');
  assert.equal(scanRaw({ additionals: [rawOpt(0, 1232, rawPointer(12))] }).verdict, 'malformed');
});

test('a scanner retains nothing from an earlier query', () => {
  const withEdns = buildQuery({ edns: { dnssecOk: true, udpPayloadBytes: 4096 } });
  const plain = buildQuery();
  const fresh = createQueryScanner()(plain);
  scan(withEdns);
  assert.deepEqual(scan(plain), fresh);
});

test('a keepalive request is recognised among other options (RFC 7828 §3.1)', () => {
  const keepalive = { code: 11, data: new Uint8Array(0) };
  const cookie = { code: 10, data: Buffer.from('12345678') };
  for (const [options, expected] of [
    [[], false],
    [[cookie], false],
    [[keepalive], true],
    [[cookie, keepalive], true],
    [[keepalive, cookie], true],
  ] as const) {
    const found = scan(buildQuery({ edns: { options } }));
    assert.deepEqual([found.verdict, found.keepalive], ['ok', expected]);
  }
});

test('a padded query is recognised, whatever the length of its padding (RFC 7830 §3)', () => {
  const cookie = { code: 10, data: Buffer.from('12345678') };
  for (const length of [0, 1, 400]) {
    const padding = { code: 12, data: new Uint8Array(length) };
    for (const options of [[padding], [cookie, padding], [padding, cookie]]) {
      const found = scan(buildQuery({ edns: { options } }));
      assert.deepEqual([found.verdict, found.padded, found.keepalive], ['ok', true, false]);
    }
  }
  assert.equal(scan(buildQuery({ edns: { options: [cookie] } })).padded, false);
});

test('options that do not fill the OPT record are malformed (RFC 6891 §6.1.2)', () => {
  for (const data of [rawU16(10), rawU16(10, 1), Uint8Array.of(0), concat(rawU16(11, 0), Uint8Array.of(1))]) {
    assert.equal(scanRaw({ additionals: [rawRecord(rawName(), 41, 0, data, 1232)] }).verdict, 'malformed');
  }
});
