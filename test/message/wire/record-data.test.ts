import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRecordReader } from '../../../src/message/wire/record.ts';
import { createRecordDataCheck } from '../../../src/message/wire/record-data.ts';
import {
  concat,
  rawMessage,
  rawName,
  rawPointer,
  rawQuestion,
  rawRecord,
  rawU16,
} from '../../fixtures/dns/messages.ts';

const QUESTION = rawQuestion(rawName('example', 'com'));
const QNAME = rawPointer(12);
const DATA_AT = 12 + QUESTION.length + QNAME.length + 10;

/** Whether RDATA is accepted in a message that continues after it. */
function isProper(type: number, data: Uint8Array): boolean {
  const next = rawRecord(QNAME, 1, 60, Uint8Array.of(192, 0, 2, 1));
  const wire = rawMessage({ flags: 0x8180, questions: [QUESTION], answers: [rawRecord(QNAME, type, 60, data), next] });
  const record = createRecordReader()(wire, 12 + QUESTION.length);
  assert.ok(record);
  return createRecordDataCheck()(wire, record);
}

const NAMES = { plain: rawName('a', 'b'), compressed: concat(rawName('a').subarray(0, 2), QNAME), pointer: QNAME };

for (const [type, number, before, names, after] of [
  ['NS', 2, 0, 1, 0],
  ['CNAME', 5, 0, 1, 0],
  ['SOA', 6, 0, 2, 20],
  ['PTR', 12, 0, 1, 0],
  ['MX', 15, 2, 1, 0],
  ['SRV', 33, 6, 1, 0],
  ['DNAME', 39, 0, 1, 0],
  ['A', 1, 4, 0, 0],
  ['AAAA', 28, 16, 0, 0],
] as const) {
  test(`RDATA of ${type} must have its exact layout and valid names`, () => {
    for (const name of Object.values(NAMES)) {
      const data = concat(new Uint8Array(before), ...Array.from({ length: names }, () => name), new Uint8Array(after));
      assert.ok(isProper(number, data));
      assert.ok(!isProper(number, data.subarray(0, -1)));
      assert.ok(!isProper(number, concat(data, Uint8Array.of(0))));
      assert.ok(!isProper(number, new Uint8Array(0)));
      if (names === 0) continue;
      // Forwards, to itself, into the header, an unknown label type, and on into the next record.
      const forward = rawPointer(DATA_AT + before + 40);
      for (const bad of [forward, rawPointer(DATA_AT + before), rawPointer(4), rawU16(0x4000), rawU16(0x3f00)]) {
        assert.ok(!isProper(number, concat(data.subarray(0, before), bad, data.subarray(before + name.length))));
      }
    }
  });
}

test('RDATA of other types may contain anything (RFC 3597 §3)', () => {
  for (const type of [16, 46, 65, 65_400]) {
    assert.ok(isProper(type, new Uint8Array(0)));
    assert.ok(isProper(type, rawPointer(4)));
  }
});
