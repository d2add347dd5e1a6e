import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeMessage,
  encodeName,
  encodeOpt,
  encodeQuestion,
  encodeRecords,
} from '../../../src/message/wire/codec.ts';
import { TYPE } from '../../../src/message/wire/tables.ts';
import { buildQuery, concat, rawName, rawOpt, rawQuestion, rawRecord } from '../../fixtures/dns/messages.ts';

const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

test('an OPT record has exactly the octets of RFC 6891 §6.1.2', () => {
  assert.deepEqual(plain(encodeOpt({ udpPayloadBytes: 4096, dnssecOk: false })), rawOpt(0, 4096));
  assert.deepEqual(plain(encodeOpt({ udpPayloadBytes: 512, dnssecOk: true, rcode: 0x123 })), rawOpt(0x1200_8000, 512));
});

test('options keep their order, code and data, also without data', () => {
  const options = [
    { code: 12, data: new Uint8Array(0) },
    { code: 15, data: Uint8Array.of(0, 22, 0xff) },
    { code: 65_001, data: Uint8Array.of(1) },
  ];
  const data = Uint8Array.of(0, 12, 0, 0, 0, 15, 0, 3, 0, 22, 0xff, 0xfd, 0xe9, 0, 1, 1);
  const expected = rawRecord(rawName(), 41, 0, data, 1232);
  assert.deepEqual(plain(encodeOpt({ udpPayloadBytes: 1232, dnssecOk: false, options })), expected);
});

test('our own names and questions are encoded in wire form', () => {
  assert.deepEqual(plain(encodeName('home.arpa')), rawName('home', 'arpa'));
  assert.deepEqual(plain(encodeName('.')), rawName());
  assert.deepEqual(plain(encodeQuestion('.', 'NS')), rawQuestion(rawName(), 2));
});

test('a question has the right type, also if dns-packet does not know its name', () => {
  for (const [type, number] of Object.entries(TYPE) as [keyof typeof TYPE, number][]) {
    const question = rawQuestion(rawName('example', 'com'), number);
    assert.deepEqual(plain(encodeQuestion('example.com', type)), question, type);
  }
});

test('records are encoded in sequence without compression', () => {
  const record = { type: 'CNAME', name: 'a.b', ttl: 5, data: 'a.b' } as const;
  const wire = rawRecord(rawName('a', 'b'), 5, 5, rawName('a', 'b'));
  assert.deepEqual(plain(encodeRecords([record, record])), concat(wire, wire));
});

test('a message in the middle of a larger buffer is decoded alone', () => {
  const query = buildQuery({ id: 7 });
  const buffer = concat(new Uint8Array(5).fill(0xff), query, new Uint8Array(5).fill(0xff));
  const { id, questions } = decodeMessage(buffer.subarray(5, 5 + query.length));
  assert.deepEqual({ id, questions }, { id: 7, questions: [{ name: 'example.com', type: 'A', class: 'IN' }] });
});
