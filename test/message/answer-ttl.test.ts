import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answer, parseAnswer } from '../../src/message/answer/answer.ts';
import { ttlOffset } from '../../src/message/answer/prepared-answer.ts';
import { readU32 } from '../../src/message/wire/bytes.ts';
import {
  buildResponse,
  concat,
  type RawSpec,
  rawMessage,
  rawName,
  rawOpt,
  rawPointer,
  rawQuestion,
  rawRecord,
  rawU16,
  soaRecord,
} from '../fixtures/dns/messages.ts';

const A = 1;
const TXT = 16;
const NS = 2;
const RRSIG = 46;
const NSEC = 47;
const ANY = 255;
const QNAME = rawPointer(12);

/** The TTLs of an answer at its list of offsets. */
function ttls(answer: Answer): readonly number[] {
  return Array.from({ length: answer.ttlCount }, (_, i) => readU32(answer.bytes, ttlOffset(answer, i)));
}

function parseRaw(spec: Partial<RawSpec>): Answer {
  return parseAnswer(rawMessage({ flags: 0x8180, questions: [rawQuestion(rawName('example', 'com'), ANY)], ...spec }));
}

function record(type: number, ttl: number, owner: Uint8Array = QNAME): Uint8Array {
  return rawRecord(owner, type, ttl, Uint8Array.of(192, 0, 2, 1));
}

function signature(covered: number, ttl: number): Uint8Array {
  return rawRecord(QNAME, RRSIG, ttl, concat(rawU16(covered), new Uint8Array(16)));
}

test('the list of offsets contains the TTL of each record in all sections, and nothing else', () => {
  const answer = parseRaw({
    answers: [record(A, 11)],
    authorities: [rawRecord(QNAME, NS, 12, rawName('ns')), record(NSEC, 13)],
    additionals: [record(A, 14, rawName('ns')), rawOpt(0x0000_8000)],
  });
  assert.deepEqual(ttls(answer), [11, 12, 13, 14]);
  assert.equal(answer.lowestTtl, 11);
});

test('an answer without records has no TTL', () => {
  const answer = parseRaw({ additionals: [rawOpt()] });
  assert.deepEqual(ttls(answer), []);
  assert.deepEqual([answer.lowestTtl, answer.negativeTtl], [undefined, undefined]);
});

test('the records of one RRset get its lowest TTL, regardless of the owner’s case (RFC 2181 §5.2)', () => {
  const answer = parseRaw({ answers: [record(A, 300), record(A, 20, rawName('EXAMPLE', 'com')), record(A, 100)] });
  assert.deepEqual(ttls(answer), [20, 20, 20]);
});

test('records with another type, owner or section belong to another RRset', () => {
  const answer = parseRaw({
    answers: [record(A, 300), record(TXT, 20), record(A, 30, rawName('com'))],
    authorities: [rawRecord(QNAME, NS, 60, QNAME)],
    additionals: [record(A, 50)],
  });
  assert.deepEqual(ttls(answer), [300, 20, 30, 60, 50]);
  assert.equal(answer.lowestTtl, 20);
});

test('an RRSIG record gets the TTL of the RRset that it covers, not that of other RRSIG records (RFC 4034 §3)', () => {
  const answer = parseRaw({ answers: [record(A, 300), signature(A, 300), record(TXT, 20), signature(TXT, 60)] });
  assert.deepEqual(ttls(answer), [300, 300, 20, 20]);
});

test('a TTL with the top bit set becomes zero (RFC 2181 §8), and one above a day becomes a day (RFC 8767 §4)', () => {
  assert.deepEqual(ttls(parseRaw({ answers: [record(A, 0x8000_0000)] })), [0]);
  assert.deepEqual(ttls(parseRaw({ answers: [record(A, 0xffff_ffff)] })), [0]);
  for (const [ttl, sent] of [
    [86_400, 86_400],
    [86_401, 86_400],
    [0x7fff_ffff, 86_400],
  ] as const) {
    const answer = parseRaw({ answers: [record(A, ttl), signature(A, ttl)] });
    assert.deepEqual([answer.lowestTtl, ...ttls(answer)], [sent, sent, sent]);
  }
});

test('the SOA record of a negative answer gets the lower of its TTL and MINIMUM (RFC 2308 §5)', () => {
  for (const [ttl, minimum, lower] of [
    [3600, 60, 60],
    [30, 3600, 30],
    [3600, 0x8000_0000, 0],
    [0x8000_0000, 3600, 0],
    // RFC 2308 §5: at most hours.
    [0x7fff_ffff, 0x7fff_ffff, 10_800],
  ] as const) {
    const answer = parseAnswer(buildResponse({ flags: 3, authorities: [soaRecord('com', ttl, minimum)] }));
    assert.deepEqual([answer.negativeTtl, answer.lowestTtl, ...ttls(answer)], [lower, lower, lower]);
  }
});

test('the RRSIG of an SOA record gets the same reduced TTL, in either order (RFC 2308 §5, RFC 4034 §3)', () => {
  const soa = rawRecord(QNAME, 6, 3600, concat(rawName(), rawName(), new Uint8Array(16), rawU16(0, 60)));
  for (const authorities of [
    [soa, signature(6, 3600)],
    [signature(6, 3600), soa],
  ]) {
    assert.deepEqual(ttls(parseRaw({ authorities })), [60, 60]);
  }
  const lowered = parseRaw({ authorities: [soa, signature(6, 10)] });
  assert.deepEqual([lowered.negativeTtl, ...ttls(lowered)], [10, 10, 10]);
});

test('an SOA record in the answer section keeps its TTL: only in authority does it limit negative caching', () => {
  const answer = parseAnswer(buildResponse({ type: 'SOA', answers: [soaRecord('example.com', 3600, 60)] }));
  assert.deepEqual([answer.kind, answer.negativeTtl, ...ttls(answer)], ['data', undefined, 3600]);
});

test('every TTL of a large message is found, up to the highest 16-bit offset', () => {
  const records = Array.from({ length: 4000 }, (_, i) => record(A, i + 1));
  const answer = parseRaw({ answers: [...records, record(TXT, 7)] });
  assert.ok(answer.messageBytes > 0xf9ff);
  assert.equal(answer.ttlCount, 4001);
  assert.deepEqual(new Set(ttls(answer)), new Set([1, 7]));
  assert.equal(ttlOffset(answer, 4000), answer.messageBytes - 10);
});
