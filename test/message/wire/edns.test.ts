import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeOpt } from '../../../src/message/wire/codec.ts';
import {
  type ExtendedError,
  type ReplyEdns,
  readExtendedError,
  readOptions,
  replyOpt,
} from '../../../src/message/wire/edns.ts';
import { concat, decodeReply, rawU16 } from '../../fixtures/dns/messages.ts';

/** The record as a client decodes it from a message that contains nothing else. */
function decodeOpt(opt: Uint8Array): object {
  const [record] = decodeReply(concat(rawU16(0, 0x8180, 0, 0, 0, 1), opt)).additionals ?? [];
  assert.ok(record?.type === 'OPT');
  const { name, udpPayloadSize, extendedRcode, ednsVersion, flag_do, options } = record;
  return { name, udpPayloadSize, extendedRcode, ednsVersion, flag_do, options };
}

/** The root, TYPE, CLASS, TTL and RDLENGTH. */
const OPT_FIXED_BYTES = 11;

function edns(dnssecOk: boolean, rcode = 0, error?: ExtendedError): ReplyEdns {
  return { dnssecOk, rcode, error, keepaliveMs: undefined, provenance: undefined };
}

const PLAIN = { name: '.', udpPayloadSize: 1232, extendedRcode: 0, ednsVersion: 0, flag_do: false, options: [] };

test('a reply’s OPT record advertises 1232 octets, version 0, and DO as the client sent it (RFC 9715 §3, RFC 3225 §3)', () => {
  assert.deepEqual(decodeOpt(replyOpt(edns(false))), PLAIN);
  assert.deepEqual(decodeOpt(replyOpt(edns(true))), { ...PLAIN, flag_do: true });
});

test('replies with a four-bit RCODE and no options share one OPT record', () => {
  assert.equal(replyOpt(edns(false, 15)), replyOpt(edns(false)));
  assert.equal(replyOpt(edns(true, 0)), replyOpt(edns(true)));
});

test('the upper eight bits of an extended RCODE are in the OPT record (RFC 6891 §6.1.3)', () => {
  assert.deepEqual(decodeOpt(replyOpt(edns(false, 16))), { ...PLAIN, extendedRcode: 1 });
  assert.deepEqual(decodeOpt(replyOpt(edns(true, 0xfff))), { ...PLAIN, extendedRcode: 0xff, flag_do: true });
});

test('an extended error is option 15: INFO-CODE, then EXTRA-TEXT in UTF-8 without a terminator (RFC 8914 §2)', () => {
  const [option] = (
    decodeOpt(replyOpt(edns(false, 2, { code: 0x0117, text: 'Tor schläft' }))) as {
      options: { code: number; data: Buffer }[];
    }
  ).options;
  assert.equal(option?.code, 15);
  assert.deepEqual(option?.data, Buffer.concat([Uint8Array.of(0x01, 0x17), Buffer.from('Tor schl\u00e4ft', 'utf8')]));
});

test('an extended error may have no text', () => {
  const opt = replyOpt(edns(true, 0, { code: 3, text: '' }));
  assert.deepEqual([...opt.subarray(-6)], [0, 15, 0, 2, 0, 3]);
});

test('keepalive is option 11: the idle timeout in units of 100 ms (RFC 7828 §3.1)', () => {
  const opt = replyOpt({ ...edns(false), keepaliveMs: 12_345 });
  assert.deepEqual([...opt.subarray(-6)], [0, 11, 0, 2, 0, 123]);
});

test('the first well-formed extended error of a response is read (RFC 8914 §2)', () => {
  const cookie = { code: 10, data: new Uint8Array(8) };
  const bogus = { code: 15, data: Uint8Array.of(0, 6, ...Buffer.from('bogus')) };
  const opt = encodeOpt({
    udpPayloadBytes: 1232,
    dnssecOk: false,
    options: [cookie, { code: 15, data: Uint8Array.of(1) }, bogus],
  });
  assert.deepEqual(readExtendedError(opt, OPT_FIXED_BYTES, opt.length), { code: 6, text: 'bogus' });
  assert.equal(readExtendedError(opt, OPT_FIXED_BYTES, opt.length - 1), undefined);
  assert.equal(readExtendedError(opt, opt.length, opt.length), undefined);
});

test('an upstream’s text is cut to whole characters within 200 octets, and dropped if it is not UTF-8', () => {
  for (const [text, passedOn] of [
    [Buffer.from('x'.repeat(60_000)), 'x'.repeat(200)],
    [Buffer.from(`x${'\u00e4'.repeat(150)}`), `x${'\u00e4'.repeat(99)}`],
    // Each octet would become a replacement character of three octets.
    [new Uint8Array(200).fill(0xff), ''],
  ] as const) {
    const option = { code: 15, data: concat(rawU16(22), text) };
    const opt = encodeOpt({ udpPayloadBytes: 1232, dnssecOk: false, options: [option] });
    assert.deepEqual(readExtendedError(opt, OPT_FIXED_BYTES, opt.length), { code: 22, text: passedOn });
  }
});

const TWO = Uint8Array.of(0, 10, 0, 3, 1, 2, 3, 0, 11, 0, 0);

test('RFC 6891 §6.1.2: options are code, length and data in sequence', () => {
  assert.deepEqual(readOptions(TWO, 0, TWO.length), [
    { code: 10, dataStart: 4, dataEnd: 7 },
    { code: 11, dataStart: 11, dataEnd: 11 },
  ]);
  assert.deepEqual(readOptions(TWO, 0, 0), []);
});

test('options that do not end exactly at the end of the record are rejected', () => {
  for (let end = 1; end < TWO.length; end++) {
    assert.equal(readOptions(TWO, 0, end) === undefined, end !== 7, `cut off at ${end}`);
  }
});
