import assert from 'node:assert/strict';
import { after } from 'node:test';
import { buildQuery, concat, rawMessage, rawName, rawQuestion, rawRecord } from '../../fixtures/dns/messages.ts';
import { startLab } from '../lab.ts';
import { testOverBoth } from '../raw-client.ts';
import { FLAG } from '../reply.ts';
import { addressOf, answering, questionOf, RESPONSE_FLAGS } from '../upstream-messages.ts';

const lab = await startLab();
after(() => lab[Symbol.asyncDispose]());

testOverBoth(
  'RFC 1035 §4.1.1: replies from upstream and from the cache copy ID, question and RD, with RA=1 and AA=0',
  async (transport) => {
    const name = `echo-${transport}.example`;
    lab.behave(name, answering({ flags: RESPONSE_FLAGS | FLAG.AA, answers: [addressOf()] }));
    for (const id of [0, 1, 0x8000, 0xffff]) {
      const query = buildQuery({ id, name });
      const reply = await lab.ask(transport, query);
      assert.equal(reply.id, id);
      assert.equal(reply.flags, FLAG.QR | FLAG.RD | FLAG.RA);
      assert.deepEqual(Buffer.from(questionOf(reply.wire)), Buffer.from(questionOf(query)));
      assert.equal(reply.answers.length, 1);
    }
    assert.equal(lab.asked(name), 1);
  },
);

testOverBoth('RFC 5625 §4: unassigned header bits are ignored and not copied', async (transport) => {
  const query = { name: `z-${transport}.example`, flags: FLAG.RD | FLAG.Z };
  for (const source of ['upstream', 'cache']) {
    const reply = await lab.ask(transport, query);
    assert.equal(reply.rcode, 'NOERROR', source);
    assert.equal(reply.flags, FLAG.QR | FLAG.RD | FLAG.RA);
  }
});

testOverBoth('RFC 1035 §4.1.1: a reply does not copy bits that are meaningless in a query', async (transport) => {
  const reply = await lab.ask(transport, { name: `aa-${transport}.example`, flags: FLAG.RD | FLAG.AA | FLAG.RA });
  assert.equal(reply.rcode, 'NOERROR');
  assert.equal(reply.flags, FLAG.QR | FLAG.RD | FLAG.RA);
});

testOverBoth(
  'RFC 1035 §4.1.1: RD=0, which would probe the cache, is REFUSED with EDE 20, even for cached names',
  async (transport) => {
    const name = `kept-${transport}.example`;
    await lab.ask(transport, { name });
    for (const asked of [name, `not-${name}`]) {
      const reply = await lab.ask(transport, { name: asked, flags: 0, edns: {} });
      assert.equal(reply.rcode, 'REFUSED');
      assert.equal(reply.ede?.code, 20);
      assert.equal(reply.flags, FLAG.QR | FLAG.RA);
      assert.deepEqual(reply.answers, []);
    }
    assert.equal(lab.asked(name), 1);
    assert.equal(lab.asked(`not-${name}`), 0);
  },
);

testOverBoth('RFC 9619 §4: a query with no question, with two, or with QDCOUNT 65535 is FORMERR', async (transport) => {
  const question = rawQuestion(rawName('questions', 'example'));
  for (const query of [
    rawMessage({ flags: FLAG.RD }),
    rawMessage({ flags: FLAG.RD, questions: [question, question] }),
    rawMessage({ flags: FLAG.RD, questions: [question], counts: [0xffff, 0, 0, 0] }),
    rawMessage({ flags: FLAG.RD, questions: [question], counts: [0, 0, 0, 0] }),
  ]) {
    const reply = await lab.ask(transport, query);
    assert.equal(reply.rcode, 'FORMERR');
    assert.equal(reply.id, 0x1234);
    assert.equal(reply.wire.readUInt16BE(6), 0);
  }
  assert.equal(lab.asked('questions.example'), 0);
});

testOverBoth('RFC 1035 §4.1: a query truncated at any offset is FORMERR', async (transport) => {
  const whole = buildQuery({ name: 'cut.example', edns: { options: [{ code: 65_001, data: Uint8Array.of(1, 2) }] } });
  for (let length = 12; length < whole.length; length++) {
    const reply = await lab.ask(transport, whole.subarray(0, length));
    assert.equal(reply.rcode, 'FORMERR', `cut to ${length} of ${whole.length} octets`);
  }
  assert.equal(lab.asked('cut.example'), 0);
});

testOverBoth(
  'RFC 1035 §4.1.1: a query with TC=1, or with an answer or authority record, is FORMERR',
  async (transport) => {
    const name = rawName('sections', 'example');
    const questions = [rawQuestion(name)];
    const record = rawRecord(name, 1, 300, Uint8Array.of(192, 0, 2, 66));
    for (const query of [
      rawMessage({ flags: FLAG.RD | FLAG.TC, questions }),
      rawMessage({ flags: FLAG.RD, questions, answers: [record] }),
      rawMessage({ flags: FLAG.RD, questions, authorities: [record] }),
    ]) {
      assert.equal((await lab.ask(transport, query)).rcode, 'FORMERR');
    }
    assert.equal(lab.asked('sections.example'), 0);
  },
);

testOverBoth('RFC 1035 §4.1: octets after the message are ignored and not forwarded', async (transport) => {
  const name = `junk-${transport}.example`;
  const reply = await lab.ask(transport, concat(buildQuery({ name }), Buffer.from('not a part of the message')));
  assert.equal(reply.rcode, 'NOERROR');
  assert.equal(reply.answers.length, 1);
  assert.equal(lab.asked(name), 1);
  assert.ok(lab.upstream.requests.every(({ query }) => !Buffer.from(query).includes('not a part')));
});
