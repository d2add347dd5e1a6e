import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { rawName, rawRecord } from '../../fixtures/dns/messages.ts';
import { startLab } from '../lab.ts';
import { FLAG, type Reply } from '../reply.ts';
import { answering, QNAME } from '../upstream-messages.ts';

const lab = await startLab();
after(() => lab[Symbol.asyncDispose]());

const TXT = 16;

/** An answer of exactly `bytes` octets in a reply without an OPT record. */
function answerOfSize(name: string, bytes: number): void {
  const overhead = 12 + rawName(...name.split('.')).length + 4 + 12;
  const rdata = Buffer.alloc(bytes - overhead, 'x');
  // Character strings have at most 255 octets (RFC 1035 §3.3.14).
  for (let at = 0; at < rdata.length; at += 256) rdata[at] = Math.min(255, rdata.length - at - 1);
  lab.behave(name, answering({ answers: [rawRecord(QNAME, TXT, 300, rdata)] }));
}

function askTxt(transport: 'udp' | 'tcp', name: string, udpPayloadBytes?: number): Promise<Reply> {
  return lab.ask(transport, { name, type: 'TXT', ...(udpPayloadBytes && { edns: { udpPayloadBytes } }) });
}

/** An OPT record without options (RFC 6891 §6.1.2). */
const OPT_BYTES = 11;

test('RFC 1035 §4.2.1: without EDNS, 512 octets fit over UDP; 513 octets become the question with TC=1', async () => {
  for (const [bytes, whole] of [
    [512, true],
    [513, false],
  ] as const) {
    const name = `plain-${bytes}.example`;
    answerOfSize(name, bytes);
    for (const source of ['upstream', 'cache']) {
      const reply = await askTxt('udp', name);
      assert.equal(reply.wire.length <= 512, true);
      assert.equal((reply.flags & FLAG.TC) === 0, whole, source);
      assert.equal(reply.answers.length, whole ? 1 : 0);
    }
  }
});

test('RFC 6891 §6.2.3, §6.2.5: the client’s size applies, larger answers become TC=1, and OPT stays (UDP)', async () => {
  for (const [payload, bytes, whole] of [
    [512, 512 - OPT_BYTES, true],
    [512, 513 - OPT_BYTES, false],
    [1000, 1000 - OPT_BYTES, true],
    [1000, 1001 - OPT_BYTES, false],
  ] as const) {
    const name = `sized-${payload}-${bytes}.example`;
    answerOfSize(name, bytes);
    const reply = await askTxt('udp', name, payload);
    assert.equal((reply.flags & FLAG.TC) === 0, whole, name);
    assert.equal(reply.answers.length, whole ? 1 : 0);
    assert.ok(reply.opt);
    assert.ok(reply.wire.length <= payload);
  }
});

test('RFC 6891 §6.2.3: a size below 512 counts as 512 (UDP)', async () => {
  const name = 'small.example';
  answerOfSize(name, 512 - OPT_BYTES);
  for (const payload of [1, 100, 511]) {
    const reply = await askTxt('udp', name, payload);
    assert.equal(reply.flags & FLAG.TC, 0);
    assert.equal(reply.wire.length, 512);
  }
});

test('RFC 9715 §3: no reply over UDP is larger than 1232 octets, whatever size the client accepts (UDP)', async () => {
  for (const [bytes, whole] of [
    [1232 - OPT_BYTES, true],
    [1233 - OPT_BYTES, false],
    [4000, false],
  ] as const) {
    const name = `cap-${bytes}.example`;
    answerOfSize(name, bytes);
    for (const payload of [1233, 4096, 65_535]) {
      const reply = await askTxt('udp', name, payload);
      assert.equal((reply.flags & FLAG.TC) === 0, whole, `${bytes} for ${payload}`);
      assert.ok(reply.wire.length <= 1232);
    }
  }
});

test('RFC 7766 §5: an answer truncated over UDP arrives completely over TCP, from the same cache entry (TCP)', async () => {
  for (const bytes of [513, 4000, 60_000]) {
    const name = `whole-${bytes}.example`;
    answerOfSize(name, bytes);
    assert.equal((await askTxt('udp', name, 512)).flags & FLAG.TC, FLAG.TC);
    for (const payload of [undefined, 512]) {
      const reply = await askTxt('tcp', name, payload);
      assert.equal(reply.flags & FLAG.TC, 0);
      assert.equal(reply.wire.length, bytes + (payload === undefined ? 0 : OPT_BYTES));
      assert.equal(reply.answers.length, 1);
    }
    assert.equal(lab.asked(name), 1);
  }
});
