import assert from 'node:assert/strict';
import { after } from 'node:test';
import {
  buildQuery,
  concat,
  rawMessage,
  rawName,
  rawNameOfLength,
  rawPointer,
  rawQuestion,
  rawRecord,
  rawU16,
} from '../../fixtures/dns/messages.ts';
import { startLab } from '../lab.ts';
import { type Transport, testOverBoth } from '../raw-client.ts';
import { FLAG, type Reply } from '../reply.ts';
import { addressOf, answering, QNAME, questionOf } from '../upstream-messages.ts';

const lab = await startLab();
after(() => lab[Symbol.asyncDispose]());

const A_IN = rawU16(1, 1);

function askForName(transport: Transport, name: Uint8Array): Promise<Reply> {
  return lab.ask(transport, rawMessage({ flags: FLAG.RD, questions: [concat(name, A_IN)] }));
}

testOverBoth(
  'RFC 1035 §4.1.4: a QNAME with a pointer to itself, forwards or backwards, is FORMERR',
  async (transport) => {
    const asked = lab.upstream.requests.length;
    for (const name of [
      rawPointer(12),
      rawPointer(0),
      rawPointer(14),
      rawPointer(0x3fff),
      concat(rawName('a').subarray(0, -1), rawPointer(12)),
      concat(rawName('a').subarray(0, -1), rawPointer(14)),
      concat(rawPointer(14), rawPointer(12)),
    ]) {
      assert.equal((await askForName(transport, name)).rcode, 'FORMERR');
    }
    assert.equal(lab.upstream.requests.length, asked);
  },
);

testOverBoth(
  'RFC 1035 §2.3.4, RFC 6891 §5: a label of more than 63 octets or of an unassigned type is FORMERR',
  async (transport) => {
    for (const lengthOctet of [0x40, 0x41, 0x7f, 0x80, 0xbf]) {
      const name = concat(Uint8Array.of(lengthOctet), new Uint8Array(lengthOctet).fill(0x61), Uint8Array.of(0));
      assert.equal((await askForName(transport, name)).rcode, 'FORMERR');
    }
  },
);

testOverBoth('RFC 1035 §2.3.4: a name of 255 octets is answered, one of 256 is FORMERR', async (transport) => {
  const longest = await askForName(transport, rawNameOfLength(255));
  assert.equal(longest.rcode, 'NOERROR');
  assert.equal(longest.answers.length, 1);
  assert.equal((await askForName(transport, rawNameOfLength(256))).rcode, 'FORMERR');
});

testOverBoth('RFC 1035 §3.1: the root can be queried', async (transport) => {
  const reply = await lab.ask(transport, rawMessage({ flags: FLAG.RD, questions: [rawQuestion(rawName(), 2)] }));
  assert.equal(reply.rcode, 'NOERROR');
});

testOverBoth(
  'RFC 1035 §4.1.4: an answer with pointers that loop, point forwards or into the header is SERVFAIL with EDE 24',
  async (transport) => {
    for (const [label, owner] of [
      ['self', (at: number) => rawPointer(at)],
      ['forwards', (at: number) => rawPointer(at + 2)],
      ['header', () => rawPointer(2)],
      ['beyond', () => rawPointer(0x3fff)],
      ['label', () => Uint8Array.of(0x40, 0x61, 0)],
    ] as const) {
      const name = `${label}-${transport}.example`;
      lab.behave(name, (request) => {
        const recordAt = 12 + questionOf(request.query).length;
        return answering({ answers: [addressOf(owner(recordAt))] })(request);
      });
      const reply = await lab.ask(transport, { name, edns: {} });
      assert.equal(reply.rcode, 'SERVFAIL', label);
      assert.equal(reply.ede?.code, 24, label);
    }
  },
);

testOverBoth(
  'RFC 1035 §4.1.4: an answer with thousands of records at a chain of thousands of pointers is SERVFAIL and delays nobody',
  async (transport) => {
    const name = `pointers-${transport}.example`;
    lab.behave(name, (request) => {
      const start = 12 + questionOf(request.query).length + 12;
      // RDATA of the first record: pointers, each to the previous one.
      const chain = Buffer.concat(
        Array.from({ length: 8000 }, (_, i) => rawPointer(i === 0 ? 12 : start + 2 * (i - 1))),
      );
      const record = rawRecord(rawPointer(start + chain.length - 2), 1, 300, Uint8Array.of(192, 0, 2, 1));
      const records = Array.from({ length: 3000 }, () => record);
      return answering({ answers: [rawRecord(QNAME, 65_400, 300, chain), ...records] })(request);
    });
    assert.equal((await lab.ask(transport, { name })).rcode, 'SERVFAIL');
    assert.equal((await lab.ask(transport, { name: 'localhost' })).rcode, 'NOERROR');
  },
);

testOverBoth(
  'RFC 4343 §3, §4.1: a name is cached once regardless of case, and each reply has the case of its query',
  async (transport) => {
    const name = `case-${transport}.example`;
    for (const spelling of [name, name.toUpperCase(), `cAsE-${transport}.eXaMpLe`]) {
      const query = buildQuery({ name: spelling });
      const reply = await lab.ask(transport, query);
      assert.equal(reply.answers.length, 1);
      assert.deepEqual(Buffer.from(questionOf(reply.wire)), Buffer.from(questionOf(query)));
    }
    assert.equal(lab.asked(name), 1);
  },
);

testOverBoth(
  'RFC 4343 §3: only ASCII letters have case; names that differ in other octets are different',
  async (transport) => {
    const names = ['@', '`', '[', '{', '\u00c0', '\u00e0'].map((octet) => rawName(`${octet}-${transport}`, 'example'));
    const before = lab.upstream.requests.length;
    for (const name of names) assert.equal((await askForName(transport, name)).rcode, 'NOERROR');
    assert.equal(lab.upstream.requests.length - before, names.length);
  },
);
