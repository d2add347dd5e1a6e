import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashQuestion, sameQuestion, variantOf } from '../../src/cache/key.ts';
import { parseAnswer } from '../../src/message/answer/answer.ts';
import { ask, rawMessage, rawName, rawQuestion } from '../fixtures/dns/messages.ts';

const RD = 0x0100;
const CD = 0x0010;

function message(question: Uint8Array, flags = RD): Uint8Array {
  return rawMessage({ flags, questions: [question] });
}

/** Whether a cached answer to one question matches the other, with an equal hash. */
function matches(asked: Uint8Array, kept: Uint8Array): boolean {
  const query = message(asked);
  const answer = parseAnswer(message(kept, 0x8180));
  const sameHash = hashQuestion(query, query.length, 0, 7) === hashQuestion(answer.bytes, answer.questionEnd, 0, 7);
  const same = sameQuestion(query, query.length, answer);
  assert.ok(sameHash || !same, 'equal questions have different hashes');
  return same;
}

test('names are equal regardless of the case of ASCII letters, in both directions (RFC 4343 §3)', () => {
  const small = rawQuestion(rawName('www', 'example'));
  const mixed = rawQuestion(rawName('wWw', 'EXAMPLE'));
  assert.ok(matches(small, mixed));
  assert.ok(matches(mixed, small));
  assert.ok(matches(mixed, mixed));
});

test('octets other than ASCII letters that differ in the case bit are not equal', () => {
  for (const [one, other] of [
    ['[', '{'],
    ['@', '`'],
    ['\u00c1', '\u00e1'],
    ['\u0000', ' '],
    ['-', '\r'],
  ] as const) {
    assert.equal(matches(rawQuestion(rawName(one)), rawQuestion(rawName(other))), false);
  }
});

test('label boundaries are part of the name', () => {
  assert.equal(matches(rawQuestion(rawName('a.b')), rawQuestion(rawName('a', 'b'))), false);
  assert.equal(matches(rawQuestion(rawName('ab', 'c')), rawQuestion(rawName('a', 'bc'))), false);
  assert.equal(matches(rawQuestion(rawName('b')), rawQuestion(rawName('a', 'b'))), false);
});

test('type and class are compared exactly, even if they look like letters', () => {
  const name = rawName('a');
  assert.ok(matches(rawQuestion(name, 0x4161, 1), rawQuestion(name, 0x4161, 1)));
  assert.equal(matches(rawQuestion(name, 0x4161), rawQuestion(name, 0x6161)), false);
  assert.equal(matches(rawQuestion(name, 0x6141), rawQuestion(name, 0x6161)), false);
  assert.equal(matches(rawQuestion(name, 1, 0x41), rawQuestion(name, 1, 0x61)), false);
  assert.equal(matches(rawQuestion(name, 1), rawQuestion(name, 28)), false);
});

test('DO and CD make four variants; other header bits and OPT fields make none (RFC 4035 §3.2, RFC 6840 §5.9)', () => {
  const dnssecOk = { dnssecOk: true };
  const variants = [ask(), ask({ edns: dnssecOk }), ask({ flags: RD | CD }), ask({ flags: RD | CD, edns: dnssecOk })];
  assert.equal(new Set(variants.map(variantOf)).size, 4);
  const alike = [ask({ id: 9 }), ask({ flags: 0 }), ask({ flags: RD | 0x20 }), ask({ edns: { udpPayloadBytes: 512 } })];
  assert.deepEqual(new Set(alike.map(variantOf)), new Set([variantOf(ask())]));
});

test('the hash depends on name, type, class, variant and seed, and is a small integer', () => {
  const wire = message(rawQuestion(rawName('example')));
  const hash = (question: Uint8Array, variant: number, seed: number): number => {
    const query = message(question);
    return hashQuestion(query, query.length, variant, seed);
  };
  const question = rawQuestion(rawName('example'));
  const hashes = [
    hashQuestion(wire, wire.length, 0, 1),
    hash(question, 1, 1),
    hash(question, 2, 1),
    hash(question, 0, 2),
    hash(question, 0, -1),
    hash(rawQuestion(rawName('example'), 28), 0, 1),
    hash(rawQuestion(rawName('example'), 1, 3), 0, 1),
    hash(rawQuestion(rawName('exampls')), 0, 1),
  ];
  assert.equal(new Set(hashes).size, hashes.length);
  for (const value of hashes) assert.ok(Number.isInteger(value) && value >= 0 && value < 2 ** 30);
});
