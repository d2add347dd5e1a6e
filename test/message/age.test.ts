import assert from 'node:assert/strict';
import { test } from 'node:test';
import { subtractAge } from '../../src/message/age.ts';
import {
  addressRecord,
  buildResponse,
  concat,
  decodeReply,
  rawMessage,
  rawName,
  rawOpt,
  rawQuestion,
  rawRecord,
  soaRecord,
} from '../fixtures/messages.ts';

const QUESTION = rawQuestion(rawName('a'));

function ttlAfter(ttl: number, seconds: number): number | undefined {
  const wire = buildResponse({ answers: [addressRecord('example.com', ttl)] });
  subtractAge(wire, seconds);
  const [record] = decodeReply(wire).answers ?? [];
  return record !== undefined && 'ttl' in record ? record.ttl : undefined;
}

test('Age is taken off every TTL in all sections (RFC 8484 §5.1)', () => {
  const wire = buildResponse({
    answers: [addressRecord('example.com', 300), addressRecord('example.com', 300)],
    authorities: [soaRecord('example.com', 400, 60)],
    additionals: [addressRecord('ns.example.com', 500)],
  });
  const expected = buildResponse({
    answers: [addressRecord('example.com', 50), addressRecord('example.com', 50)],
    authorities: [soaRecord('example.com', 150, 60)],
    additionals: [addressRecord('ns.example.com', 250)],
  });
  subtractAge(wire, 250);
  assert.deepEqual(wire, expected);
});

test('a TTL never goes below zero', () => {
  assert.equal(ttlAfter(10, 10), 0);
  assert.equal(ttlAfter(10, 11), 0);
  assert.equal(ttlAfter(10, 2 ** 40), 0);
});

test('a TTL with the top bit set is zero and not a very long time less a little (RFC 2181 §8)', () => {
  assert.equal(ttlAfter(0x8000_0005, 10), 0);
});

test('the flags in the OPT record are no time and stay (RFC 6891 §6.1.3)', () => {
  const wire = rawMessage({ flags: 0x8180, questions: [QUESTION], additionals: [rawOpt(0x0000_8000)] });
  const before = wire.slice();
  subtractAge(wire, 5);
  assert.deepEqual(wire, before);
});

test('a message that is cut off or has no name for a question is left alone from there on', () => {
  const record = rawRecord(rawName('a'), 1, 300, Uint8Array.of(1, 2, 3, 4));
  const wire = rawMessage({ flags: 0x8180, questions: [QUESTION], answers: [record] });
  for (let length = 12; length < wire.length; length++) {
    const cut = wire.slice(0, length);
    subtractAge(cut, 5);
    assert.deepEqual(cut, wire.slice(0, length), `${length} octets`);
  }
  const nameless = concat(wire.subarray(0, 12), Uint8Array.of(0x40), new Uint8Array(40));
  const before = nameless.slice();
  subtractAge(nameless, 5);
  assert.deepEqual(nameless, before);
});
