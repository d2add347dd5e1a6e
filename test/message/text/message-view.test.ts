import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type MessageView, viewMessage } from '../../../src/message/text/message-view.ts';
import { concat, rawMessage, rawName, rawOpt, rawQuestion, rawRecord, rawU16 } from '../../fixtures/dns/messages.ts';
import { mutatedQuery, mutatedResponse, randomBytes } from '../message-mutations.ts';

/** Printable ASCII without spaces. Control characters could control the terminal. */
const TOKEN = /^[!-~]+$/;

function check({ questions, answers, authorities, additionals, status, flags }: MessageView): void {
  for (const { name, class: className, type } of [...questions, ...answers, ...authorities, ...additionals]) {
    for (const text of [name, className, type]) assert.match(text, TOKEN);
  }
  for (const { data } of [...answers, ...authorities, ...additionals]) assert.match(data, /^[ -~]*$/);
  for (const text of [status, ...flags]) assert.match(text, TOKEN);
}

test('any octets are shown as printable ASCII or rejected', () => {
  let shown = 0;
  const message = fc.oneof(mutatedResponse, mutatedQuery, randomBytes);
  fc.assert(
    fc.property(message, (wire) => {
      const view = viewMessage(wire);
      if (view === undefined) return;
      shown++;
      check(view);
    }),
    { numRuns: 10_000 },
  );
  assert.ok(shown > 1000, String(shown));
});

test('any RDATA is shown; malformed RDATA in the form for unknown types', () => {
  const type = fc.constantFrom(
    1,
    2,
    6,
    12,
    15,
    16,
    28,
    33,
    35,
    43,
    44,
    46,
    47,
    48,
    50,
    51,
    52,
    61,
    64,
    65,
    256,
    257,
    999,
  );
  fc.assert(
    fc.property(type, fc.uint8Array({ maxLength: 60, size: 'max' }), (rrtype, data) => {
      const record = rawRecord(rawName('a'), rrtype, 300, data);
      const view = viewMessage(
        rawMessage({ flags: 0x8180, questions: [rawQuestion(rawName('a'))], answers: [record] }),
      );
      assert.ok(view !== undefined);
      check(view);
    }),
    { numRuns: 10_000 },
  );
  const short = rawRecord(rawName('a'), 1, 300, Uint8Array.of(192, 0, 2));
  const view = viewMessage(rawMessage({ flags: 0x8180, answers: [short] }));
  assert.equal(view?.answers[0]?.data, '\\# 3 C00002');
});

test('an OPT record is shown separately: full RCODE, flags, extended errors and other options', () => {
  const data = concat(rawU16(15, 7, 22), Buffer.from('so it'), rawU16(65_001, 2, 0xabcd));
  const opt = rawRecord(rawName(), 41, 0x0100_8000, data, 1232);
  const view = viewMessage(rawMessage({ flags: 0x8180, additionals: [opt] }));
  assert.equal(view?.status, 'BADVERS');
  assert.deepEqual(view?.additionals, []);
  assert.deepEqual(view?.edns, {
    version: 0,
    dnssecOk: true,
    udpPayloadBytes: 1232,
    errors: [{ code: 22, text: 'so it' }],
    provenance: undefined,
    options: [{ code: 65_001, data: Uint8Array.of(0xab, 0xcd) }],
  });
  assert.equal(viewMessage(rawMessage({ flags: 0x8180, additionals: [rawOpt()] }))?.status, 'NOERROR');
});
