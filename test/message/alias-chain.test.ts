import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAnswerOfQuestion } from '../../src/message/alias-chain.ts';
import { skipPlainName } from '../../src/message/name.ts';
import {
  addressRecord,
  buildResponse,
  rawMessage,
  rawName,
  rawPointer,
  rawQuestion,
  rawRecord,
} from '../fixtures/messages.ts';

type Records = NonNullable<Parameters<typeof buildResponse>[0]>['answers'];

function belongs(answers: Records, type = 'A'): boolean {
  const wire = buildResponse({ name: 'a.test', type, answers: answers ?? [] });
  return isAnswerOfQuestion(wire, skipPlainName(wire, 12) + 4);
}

const alias = (name: string, data: string) => ({ type: 'CNAME', name, ttl: 60, data }) as const;

/** n1 to n2 to … to the last, which has an address. */
function chain(aliases: number): NonNullable<Records> {
  const names = ['a.test', ...Array.from({ length: aliases }, (_, i) => `n${i}.test`)];
  return [...names.slice(1).map((name, i) => alias(names[i] ?? '', name)), addressRecord(names.at(-1) ?? '', 60)];
}

test('RFC 1034 §4.3.2: records of QNAME, and of what it is an alias of, in whatever order, belong to the answer', () => {
  assert.ok(belongs([]));
  assert.ok(belongs([addressRecord('A.Test', 60), addressRecord('a.test', 60)]));
  assert.ok(belongs(chain(3)));
  assert.ok(belongs(chain(3).toReversed()));
});

test('RFC 5452 §6: a record of another name does not', () => {
  assert.ok(!belongs([addressRecord('b.test', 60)]));
  assert.ok(!belongs([addressRecord('a.test', 60), addressRecord('b.test', 60)]));
  assert.ok(!belongs([alias('a.test', 'b.test'), addressRecord('c.test', 60)]));
  assert.ok(!belongs([alias('b.test', 'a.test')]));
});

test('eleven aliases are followed, and a twelfth is not', () => {
  assert.ok(belongs(chain(11)));
  assert.ok(!belongs(chain(12)));
});

test('aliases in a loop are no answer', () => {
  assert.ok(!belongs([alias('a.test', 'a.test')]));
  assert.ok(!belongs([alias('a.test', 'b.test'), alias('b.test', 'a.test')]));
});

test('RFC 6672 §3.1: a DNAME record above a name of the chain belongs to the answer, elsewhere it does not', () => {
  const dname = (name: string) => ({ type: 'DNAME', name, ttl: 60, data: 'other.example' }) as const;
  const answers = [alias('a.test', 'a.other.example'), addressRecord('a.other.example', 60)];
  assert.ok(belongs([dname('test'), ...answers]));
  assert.ok(!belongs([dname('elsewhere'), ...answers]));
});

test('above means by whole labels: a label that ends in the octets of a name is not below it', () => {
  const question = rawQuestion(rawName('x\u0003com'));
  const dname = rawRecord(rawName('com'), 39, 60, rawName('net'));
  const wire = rawMessage({ flags: 0x8180, questions: [question], answers: [dname] });
  assert.ok(!isAnswerOfQuestion(wire, 12 + question.length));
});

test('other records of a name above, and an alias to what is no name, are no answer', () => {
  assert.ok(!belongs([addressRecord('test', 60), alias('a.test', 'b.test')]));
  const question = rawQuestion(rawName('a'));
  const nowhere = rawRecord(rawPointer(12), 5, 60, rawPointer(0x3fff));
  const wire = rawMessage({ flags: 0x8180, questions: [question], answers: [nowhere] });
  assert.ok(!isAnswerOfQuestion(wire, 12 + question.length));
});

test('records that are cut off are no answer', () => {
  const wire = buildResponse({ name: 'a.test', type: 'A', answers: chain(1) });
  const questionEnd = skipPlainName(wire, 12) + 4;
  for (let end = questionEnd; end < wire.length; end++)
    assert.ok(!isAnswerOfQuestion(wire.subarray(0, end), questionEnd));
});
