import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAnswerOfQuestion } from '../../../src/message/answer/alias-chain.ts';
import { skipPlainName } from '../../../src/message/wire/name.ts';
import {
  addressRecord,
  buildResponse,
  concat,
  rawMessage,
  rawName,
  rawPointer,
  rawQuestion,
  rawRecord,
  rawU16,
} from '../../fixtures/dns/messages.ts';

type Records = NonNullable<Parameters<typeof buildResponse>[0]>['answers'];

function belongs(answers: Records, type = 'A'): boolean {
  const wire = buildResponse({ name: 'a.test', type, answers: answers ?? [] });
  return isAnswerOfQuestion(wire, skipPlainName(wire, 12) + 4);
}

const alias = (name: string, data: string) => ({ type: 'CNAME', name, ttl: 60, data }) as const;

/** Aliases from n1 to n2 and so on. The last name has an address. */
function chain(aliases: number): NonNullable<Records> {
  const names = ['a.test', ...Array.from({ length: aliases }, (_, i) => `n${i}.test`)];
  return [...names.slice(1).map((name, i) => alias(names[i] ?? '', name)), addressRecord(names.at(-1) ?? '', 60)];
}

test('RFC 1034 §4.3.2: records of QNAME and of its alias chain are accepted in any order', () => {
  assert.ok(belongs([]));
  assert.ok(belongs([addressRecord('A.Test', 60), addressRecord('a.test', 60)]));
  assert.ok(belongs(chain(3)));
  assert.ok(belongs(chain(3).toReversed()));
});

test('RFC 5452 §6: a record of another name is rejected', () => {
  assert.ok(!belongs([addressRecord('b.test', 60)]));
  assert.ok(!belongs([addressRecord('a.test', 60), addressRecord('b.test', 60)]));
  assert.ok(!belongs([alias('a.test', 'b.test'), addressRecord('c.test', 60)]));
  assert.ok(!belongs([alias('b.test', 'a.test')]));
});

test('an answer with sixteen aliases is accepted, and one with seventeen is not', () => {
  assert.ok(belongs(chain(16)));
  assert.ok(!belongs(chain(17)));
});

test('an alias loop is rejected', () => {
  assert.ok(!belongs([alias('a.test', 'a.test')]));
  assert.ok(!belongs([alias('a.test', 'b.test'), alias('b.test', 'a.test')]));
});

test('RFC 6672 §3.1: a DNAME record is accepted above a name of the chain and rejected elsewhere', () => {
  const dname = (name: string) => ({ type: 'DNAME', name, ttl: 60, data: 'other.example' }) as const;
  const answers = [alias('a.test', 'a.other.example'), addressRecord('a.other.example', 60)];
  assert.ok(belongs([dname('test'), ...answers]));
  assert.ok(!belongs([dname('elsewhere'), ...answers]));
});

test('ancestors are compared by whole labels: a label that ends in the octets of a name is not below it', () => {
  const question = rawQuestion(rawName('x\u0003com'));
  const dname = rawRecord(rawName('com'), 39, 60, rawName('net'));
  const wire = rawMessage({ flags: 0x8180, questions: [question], answers: [dname] });
  assert.ok(!isAnswerOfQuestion(wire, 12 + question.length));
});

test('other records of an ancestor, and an alias to an invalid name, are rejected', () => {
  assert.ok(!belongs([addressRecord('test', 60), alias('a.test', 'b.test')]));
  const question = rawQuestion(rawName('a'));
  const nowhere = rawRecord(rawPointer(12), 5, 60, rawPointer(0x3fff));
  const wire = rawMessage({ flags: 0x8180, questions: [question], answers: [nowhere] });
  assert.ok(!isAnswerOfQuestion(wire, 12 + question.length));
});

test('RFC 1034 §4.3.2: a record of another type is accepted only at the end, and only for a name of the chain', () => {
  const text = (name: string) => ({ type: 'TXT', name, ttl: 60, data: 'x' }) as const;
  assert.ok(belongs([addressRecord('a.test', 60), text('a.test')]));
  assert.ok(belongs([alias('a.test', 'b.test'), addressRecord('b.test', 60), text('b.test'), text('a.test')]));
  assert.ok(belongs([text('a.test')]));
  assert.ok(!belongs([text('a.test'), addressRecord('a.test', 60)]));
  assert.ok(!belongs([addressRecord('a.test', 60), text('b.test')]));
  assert.ok(belongs([text('a.test')], 'TXT'));
  assert.ok(belongs([addressRecord('a.test', 60), text('a.test')], 'ANY'));
});

test('RFC 1034 §3.6.2, RFC 2181 §10.1: other data beside an alias and two aliases of one name are rejected; a repeated alias is accepted', () => {
  assert.ok(!belongs([alias('a.test', 'b.test'), addressRecord('a.test', 60)]));
  assert.ok(!belongs([addressRecord('a.test', 60), alias('a.test', 'b.test')]));
  assert.ok(!belongs([alias('a.test', 'b.test'), alias('a.test', 'c.test')]));
  assert.ok(belongs([alias('a.test', 'b.test'), alias('a.test', 'B.test'), addressRecord('b.test', 60)]));
  assert.ok(belongs([alias('a.test', 'b.test')], 'CNAME'));
});

test('RFC 2181 §5: a record of another class is accepted only at the end', () => {
  const question = rawQuestion(rawName('a'));
  const address = (rrclass: number): Uint8Array =>
    rawRecord(rawPointer(12), 1, 60, Uint8Array.of(192, 0, 2, 1), rrclass);
  for (const [classes, belongsThere] of [
    [[1, 1], true],
    [[1, 3], true],
    [[1, 255, 3], true],
    [[3, 1], false],
  ] as const) {
    const wire = rawMessage({ flags: 0x8180, questions: [question], answers: classes.map(address) });
    assert.equal(isAnswerOfQuestion(wire, 12 + question.length), belongsThere);
  }
});

test('RFC 6672 §3.1: an alias below a DNAME record must follow from it', () => {
  const dname = (name: string, data: string) => ({ type: 'DNAME', name, ttl: 60, data }) as const;
  const to = (target: string) => [alias('a.test', target), addressRecord(target, 60)];
  assert.ok(belongs([dname('test', 'other.example'), ...to('a.other.example')]));
  assert.ok(!belongs([dname('test', 'other.example'), ...to('b.other.example')]));
  assert.ok(!belongs([dname('test', 'other.example'), ...to('a.another.example')]));
  assert.ok(!belongs([dname('test', 'other.example'), dname('test', 'x.example'), ...to('a.other.example')]));
  assert.ok(belongs([dname('test', '.'), ...to('a')]));
  // Two in sequence, as for a zone that was moved twice.
  const second = [alias('a.other.example', 'a.last'), addressRecord('a.last', 60)];
  const both = [dname('test', 'other.example'), alias('a.test', 'a.other.example'), dname('other.example', 'last')];
  assert.ok(belongs([...both, ...second]));
  assert.ok(belongs([dname('a.test', 'other.example')], 'DNAME'));
  assert.ok(!belongs([dname('a.test', 'other.example')]));
});

test('RFC 4035 §3.1.1: an RRSIG record is accepted wherever the type that it covers is', () => {
  const question = rawQuestion(rawName('a', 'test'));
  const target = rawName('b', 'test');
  const signature = (owner: Uint8Array, covered: number): Uint8Array =>
    rawRecord(owner, 46, 60, concat(rawU16(covered), new Uint8Array(20)));
  const address = (owner: Uint8Array): Uint8Array => rawRecord(owner, 1, 60, Uint8Array.of(192, 0, 2, 1));
  const qname = rawPointer(12);
  const moved = [rawRecord(rawPointer(14), 39, 60, rawName('net')), signature(rawPointer(14), 39)];
  for (const [answers, expected] of [
    [[address(qname), signature(qname, 1)], true],
    [[address(qname), signature(qname, 16)], true],
    [[signature(qname, 16), address(qname)], false],
    [[address(qname), signature(target, 1)], false],
    [[rawRecord(qname, 5, 60, target), signature(qname, 5), address(target), signature(target, 1)], true],
    [[rawRecord(qname, 5, 60, target), signature(qname, 1), address(target)], false],
    [[...moved, rawRecord(qname, 5, 60, rawName('a', 'net')), address(rawName('a', 'net'))], true],
    [[address(qname), signature(qname, 39)], false],
    [[rawRecord(qname, 46, 60, Uint8Array.of(0))], true],
  ] as const) {
    const wire = rawMessage({ flags: 0x8180, questions: [question], answers });
    assert.equal(isAnswerOfQuestion(wire, 12 + question.length), expected);
  }
  const all = [signature(qname, 1), signature(qname, 16), signature(qname, 5)];
  const asked = rawQuestion(rawName('a', 'test'), 46);
  assert.ok(isAnswerOfQuestion(rawMessage({ flags: 0x8180, questions: [asked], answers: all }), 12 + asked.length));
});

test('truncated records are rejected', () => {
  const wire = buildResponse({ name: 'a.test', type: 'A', answers: chain(1) });
  const questionEnd = skipPlainName(wire, 12) + 4;
  for (let end = questionEnd; end < wire.length; end++)
    assert.ok(!isAnswerOfQuestion(wire.subarray(0, end), questionEnd));
});
