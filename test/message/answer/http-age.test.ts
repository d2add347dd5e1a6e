import assert from 'node:assert/strict';
import { test } from 'node:test';
import { subtractAge } from '../../../src/message/answer/http-age.ts';
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
  rawU16,
  soaRecord,
} from '../../fixtures/dns/messages.ts';

const QUESTION = rawQuestion(rawName('a'));

function ttlAfter(ttl: number, seconds: number): number | undefined {
  const wire = buildResponse({ answers: [addressRecord('example.com', ttl)] });
  subtractAge(wire, seconds);
  const [record] = decodeReply(wire).answers ?? [];
  return record !== undefined && 'ttl' in record ? record.ttl : undefined;
}

test('Age is subtracted from every TTL in all sections (RFC 8484 §5.1)', () => {
  const wire = buildResponse({
    answers: [addressRecord('example.com', 300), addressRecord('example.com', 300)],
    authorities: [soaRecord('example.com', 400, 900)],
    additionals: [addressRecord('ns.example.com', 500)],
  });
  const expected = buildResponse({
    answers: [addressRecord('example.com', 50), addressRecord('example.com', 50)],
    authorities: [soaRecord('example.com', 150, 900)],
    additionals: [addressRecord('ns.example.com', 250)],
  });
  subtractAge(wire, 250);
  assert.deepEqual(wire, expected);
});

test('the age of a negative answer counts from the lower of its SOA record’s TTL and MINIMUM (RFC 2308 §5)', () => {
  for (const [ttl, minimum] of [
    [3600, 60],
    [60, 3600],
  ] as const) {
    const wire = buildResponse({ flags: 3, authorities: [soaRecord('example.com', ttl, minimum)] });
    subtractAge(wire, 45);
    assert.deepEqual(wire, buildResponse({ flags: 3, authorities: [soaRecord('example.com', 15, minimum)] }));
  }
  const asked = buildResponse({ type: 'SOA', answers: [soaRecord('example.com', 3600, 60)] });
  subtractAge(asked, 45);
  assert.deepEqual(asked, buildResponse({ type: 'SOA', answers: [soaRecord('example.com', 3555, 60)] }));
});

test('a TTL never goes below zero', () => {
  assert.equal(ttlAfter(10, 10), 0);
  assert.equal(ttlAfter(10, 11), 0);
  assert.equal(ttlAfter(10, 2 ** 40), 0);
});

test('a TTL with the top bit set becomes zero (RFC 2181 §8)', () => {
  assert.equal(ttlAfter(0x8000_0005, 10), 0);
});

test('the flags in the OPT record’s TTL field do not change (RFC 6891 §6.1.3)', () => {
  const wire = rawMessage({ flags: 0x8180, questions: [QUESTION], additionals: [rawOpt(0x0000_8000)] });
  const before = wire.slice();
  subtractAge(wire, 5);
  assert.deepEqual(wire, before);
});

test('from a truncation or an invalid question name on, nothing changes', () => {
  const record = rawRecord(rawName('a'), 1, 300, Uint8Array.of(1, 2, 3, 4));
  const wire = rawMessage({ flags: 0x8180, questions: [QUESTION], answers: [record] });
  for (let length = 12; length < wire.length; length++) {
    const cut = wire.slice(0, length);
    subtractAge(cut, 5);
    assert.deepEqual(cut, wire.slice(0, length), `${length} octets`);
  }
});

test('a message with an invalid question name does not change, even if counts and flags look like a record', () => {
  // From the fourth octet on: the root, type 1, class 1, TTL 5, and RDATA of 0x4000 octets, which starts with no name.
  const nameless = concat(rawU16(0, 0x8100, 1, 1, 0, 5, 0x4000), new Uint8Array(0x4000));
  const before = nameless.slice();
  subtractAge(nameless, 5);
  assert.ok(Buffer.from(nameless).equals(before));
});
