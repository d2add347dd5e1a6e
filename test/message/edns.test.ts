import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainOpt, replyOpt } from '../../src/message/edns.ts';
import { concat, decodeReply, rawU16 } from '../fixtures/messages.ts';

/** The record as a client reads it, at the end of a message that has nothing else. */
function decodeOpt(opt: Uint8Array): object {
  const [record] = decodeReply(concat(rawU16(0, 0x8180, 0, 0, 0, 1), opt)).additionals ?? [];
  assert.ok(record?.type === 'OPT');
  const { name, udpPayloadSize, extendedRcode, ednsVersion, flag_do, options } = record;
  return { name, udpPayloadSize, extendedRcode, ednsVersion, flag_do, options };
}

const PLAIN = { name: '.', udpPayloadSize: 1232, extendedRcode: 0, ednsVersion: 0, flag_do: false, options: [] };

test('a reply’s OPT record advertises 1232 octets, version 0, and DO as the client sent it (RFC 9715 §3, RFC 3225 §3)', () => {
  assert.deepEqual(decodeOpt(plainOpt(false)), PLAIN);
  assert.deepEqual(decodeOpt(plainOpt(true)), { ...PLAIN, flag_do: true });
});

test('an RCODE of four bits without an extended error needs no record of its own', () => {
  assert.equal(replyOpt(false, 15, undefined), plainOpt(false));
  assert.equal(replyOpt(true, 0, undefined), plainOpt(true));
});

test('an extended RCODE puts its upper eight bits there (RFC 6891 §6.1.3)', () => {
  assert.deepEqual(decodeOpt(replyOpt(false, 16, undefined)), { ...PLAIN, extendedRcode: 1 });
  assert.deepEqual(decodeOpt(replyOpt(true, 0xfff, undefined)), { ...PLAIN, extendedRcode: 0xff, flag_do: true });
});

test('an extended error is option 15: INFO-CODE, then EXTRA-TEXT in UTF-8 without an end mark (RFC 8914 §2)', () => {
  const [option] = (
    decodeOpt(replyOpt(false, 2, { code: 0x0117, text: 'Tor schläft' })) as {
      options: { code: number; data: Buffer }[];
    }
  ).options;
  assert.equal(option?.code, 15);
  assert.deepEqual(option?.data, Buffer.concat([Uint8Array.of(0x01, 0x17), Buffer.from('Tor schl\u00e4ft', 'utf8')]));
});

test('an extended error may be without a text', () => {
  const opt = replyOpt(true, 0, { code: 3, text: '' });
  assert.deepEqual([...opt.subarray(-6)], [0, 15, 0, 2, 0, 3]);
});
