import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildQuery, decodeReply } from '../../../test/fixtures/dns/messages.ts';
import { typicalAnswerTo } from './typical-answers.ts';

test('an answer has the ID and question of its query and records of its type', () => {
  for (const [type, records] of [
    ['A', 2],
    ['AAAA', 2],
    ['UNKNOWN_65', 1],
  ] as const) {
    const reply = decodeReply(typicalAnswerTo(buildQuery({ id: 0xbeef, name: 'n1.dns4tor-lab.net', type })));
    assert.equal(reply.id, 0xbeef);
    assert.equal(reply.questions?.[0]?.name, 'n1.dns4tor-lab.net');
    assert.equal(reply.rcode, 'NOERROR');
    assert.equal(reply.answers?.length, records);
  }
});

test('a name that begins with "d" does not exist, and its answer is cacheable', () => {
  const reply = decodeReply(typicalAnswerTo(buildQuery({ name: 'd1.dns4tor-lab.net' })));
  assert.equal(reply.rcode, 'NXDOMAIN');
  assert.equal(reply.answers?.length, 0);
  assert.equal(reply.authorities?.[0]?.type, 'SOA');
});
