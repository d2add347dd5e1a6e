import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FAILURE_CODES, failureKind, failureText } from '../../src/failures/failures.ts';
import { parseAnswer } from '../../src/message/answer/answer.ts';
import {
  ask,
  decodeReply,
  type EdnsSpec,
  rawMessage,
  rawName,
  rawNameOfLength,
  rawOpt,
  rawPointer,
  rawQuestion,
  rawRecord,
  receive,
} from '../fixtures/dns/messages.ts';
import { answerBytes, replyBytes } from '../fixtures/dns/replies.ts';

const RD = 0x0100;
const TC = 0x0200;
const AD = 0x0020;
const OPT_BYTES = 11;
const NAME = rawName('example', 'com');
/** Size of header and question. */
const EMPTY_BYTES = 12 + NAME.length + 4;
/** Size of a record without its RDATA, with a pointer as owner. */
const RECORD_BYTES = 12;

/** An answer whose message has exactly this many octets without OPT. */
function answerOf(bytes: number, flags = 0x8180): ReturnType<typeof parseAnswer> {
  const data = new Uint8Array(bytes - EMPTY_BYTES - RECORD_BYTES);
  const record = rawRecord(rawPointer(12), 16, 300, data);
  return parseAnswer(rawMessage({ flags, questions: [rawQuestion(NAME, 16)], answers: [record] }));
}

/** The longest EDE text of a SERVFAIL. */
const LONGEST_TEXT = FAILURE_CODES.filter((code) => failureKind(code).ede !== undefined)
  .map(failureText)
  .reduce((longest, text) => (text.length > longest.length ? text : longest), '');

function isTruncated(reply: Uint8Array): boolean {
  return (Buffer.from(reply).readUInt16BE(2) & TC) !== 0;
}

test('over UDP a reply has at most the size that the client accepts, between 512 and 1232 octets, with its OPT record (RFC 1035 §4.2.1, RFC 6891 §6.2.3, RFC 9715 §3)', () => {
  for (const [edns, limit] of [
    [undefined, 512],
    [{ udpPayloadBytes: 1 }, 512],
    [{ udpPayloadBytes: 512 }, 512],
    [{ udpPayloadBytes: 513 }, 513],
    [{ udpPayloadBytes: 1231 }, 1231],
    [{ udpPayloadBytes: 1232 }, 1232],
    [{ udpPayloadBytes: 1233 }, 1232],
    [{ udpPayloadBytes: 65_535 }, 1232],
  ] as const) {
    const query = ask({ type: 'TXT', ...(edns && { edns }) });
    const room = limit - (edns === undefined ? 0 : OPT_BYTES);
    const fitting = answerBytes(query, answerOf(room), 0);
    assert.deepEqual([fitting.length, isTruncated(fitting)], [limit, false], `limit ${limit}`);
    const tooLarge = answerBytes(query, answerOf(room + 1), 0);
    assert.deepEqual([tooLarge.length, isTruncated(tooLarge)], [EMPTY_BYTES + limit - room, true], `limit ${limit}`);
  }
});

test('a truncated reply has TC, the question and no records, and keeps OPT, RCODE and AD (RFC 2181 §9, RFC 6891 §7)', () => {
  const query = ask({ name: 'EXAMPLE.com', type: 'TXT', edns: { dnssecOk: true, udpPayloadBytes: 512 } });
  const reply = decodeReply(answerBytes(query, answerOf(1000, 0x8180 | AD | 3), 0));
  assert.deepEqual([reply.flag_tc, reply.flag_ad, reply.rcode], [true, true, 'NXDOMAIN']);
  assert.equal(reply.questions?.[0]?.name, 'EXAMPLE.com');
  assert.deepEqual([reply.answers, reply.authorities], [[], []]);
  assert.deepEqual(
    reply.additionals?.map(({ type }) => type),
    ['OPT'],
  );
});

test('over TCP nothing is truncated that fits into a message (RFC 1035 §4.2.2)', () => {
  const query = ask({ type: 'TXT', edns: { udpPayloadBytes: 512 } }, 'tcp');
  for (const bytes of [513, 1233, 65_535 - OPT_BYTES]) {
    const reply = answerBytes(query, answerOf(bytes), 0);
    assert.deepEqual([reply.length, isTruncated(reply)], [bytes + OPT_BYTES, false]);
  }
  assert.equal(answerBytes(ask({ type: 'TXT' }, 'tcp'), answerOf(65_535), 0).length, 65_535);
});

test('over TCP a reply is truncated if our OPT record would make it larger than a message can be', () => {
  const query = ask({ type: 'TXT', edns: {} }, 'tcp');
  const reply = answerBytes(query, answerOf(65_535 - OPT_BYTES + 1), 0);
  assert.deepEqual([reply.length, isTruncated(reply)], [EMPTY_BYTES + OPT_BYTES, true]);
});

test('no reply exceeds its limit or loses its OPT record, for any query, answer and error', (t) => {
  const runs = 5_000;
  let truncated = 0;
  const property = fc.property(
    fc.integer({ min: 3, max: 255 }),
    fc.option(fc.record({ udpPayloadBytes: fc.nat(2_000), dnssecOk: fc.boolean() }), { nil: undefined }),
    fc.array(fc.nat(400), { maxLength: 8 }),
    fc.constantFrom('udp' as const, 'tcp' as const),
    fc.boolean(),
    (nameBytes, edns, sizes, transport, failed) => {
      const question = rawQuestion(rawNameOfLength(nameBytes), 16);
      const answers = sizes.map((size) => rawRecord(rawPointer(12), 16, 300, new Uint8Array(size)));
      const query = receive(
        rawMessage({ flags: RD, questions: [question], additionals: edns === undefined ? [] : [optOf(edns)] }),
        transport,
      );
      const answer = parseAnswer(rawMessage({ flags: 0x8180, questions: [question], answers }));
      const error = failed ? { code: 23, text: LONGEST_TEXT } : undefined;
      const udpLimit = Math.min(1232, Math.max(512, edns?.udpPayloadBytes ?? 0));
      for (const reply of [answerBytes(query, answer, 0, error), replyBytes(query, 2, error)]) {
        assert.ok(reply.length <= (transport === 'udp' ? udpLimit : 65_535));
        const { additionals = [], answers: kept = [] } = decodeReply(reply);
        assert.equal(additionals.filter(({ type }) => type === 'OPT').length, edns === undefined ? 0 : 1);
        assert.ok(kept.length === 0 || kept.length === sizes.length);
        if (isTruncated(reply)) truncated++;
      }
    },
  );
  fc.assert(property, { seed: 3, numRuns: runs });
  t.diagnostic(`${runs} cases, ${truncated} of them truncated`);
  assert.ok(truncated > 0);
});

function optOf({ udpPayloadBytes = 1232, dnssecOk = false }: EdnsSpec): Uint8Array {
  return rawOpt(dnssecOk ? 0x8000 : 0, udpPayloadBytes);
}
