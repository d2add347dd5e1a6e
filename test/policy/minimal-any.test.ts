import assert from 'node:assert/strict';
import { test } from 'node:test';
import { minimalAnyAnswer } from '../../src/policy/minimal-any.ts';
import { ask, decodeReply, rawMessage, rawNameOfLength, rawQuestion, receive } from '../fixtures/dns/messages.ts';
import { answerBytes } from '../fixtures/dns/replies.ts';

const ANY = 255;

test('QTYPE ANY is answered with one HINFO record that names the document (RFC 8482 §4.2)', () => {
  const query = ask({ name: 'Example.com', type: 'ANY' });
  const answer = minimalAnyAnswer(query, query.scan.qtype);
  assert.ok(answer);
  assert.equal(answer.kind, 'data');
  const reply = decodeReply(answerBytes(query, answer, 0));
  assert.equal(reply.rcode, 'NOERROR');
  assert.deepEqual(
    reply.answers?.map((record) => ({ ...record })),
    [
      {
        name: 'Example.com',
        type: 'HINFO',
        class: 'IN',
        ttl: 3600,
        flush: false,
        data: { cpu: 'RFC8482', os: '' },
      },
    ],
  );
});

test('a reply to ANY has at most 512 octets, even for the longest name', () => {
  const question = rawQuestion(rawNameOfLength(255), ANY);
  const query = receive(rawMessage({ flags: 0x0100, questions: [question] }));
  const answer = minimalAnyAnswer(query, query.scan.qtype);
  assert.ok(answer);
  const reply = answerBytes(query, answer, 0);
  assert.ok(reply.length < 512);
  assert.equal(decodeReply(reply).answers?.length, 1);
});

test('other types are not answered here, not even HINFO', () => {
  for (const type of ['A', 'HINFO', 'AAAA', 'UNKNOWN_254', 'UNKNOWN_256']) {
    assert.equal(minimalAnyAnswer(ask({ type }), ask({ type }).scan.qtype), undefined);
  }
});
