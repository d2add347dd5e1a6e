import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clampTtl, createRecordReader } from '../../../src/message/wire/record.ts';
import { concat, rawName, rawPointer, rawRecord } from '../../fixtures/dns/messages.ts';

const HEADER = new Uint8Array(12);
const OWNER = rawName('Owner');
const DATA = Uint8Array.of(1, 2, 3);
const RECORD = rawRecord(OWNER, 0xfffe, 0x8001_0203, DATA, 0xfffd);

test('a record is read as offsets into its message (RFC 1035 §4.1.3)', () => {
  const wire = concat(HEADER, RECORD, Uint8Array.of(9));
  const record = createRecordReader()(wire, 12);
  assert.ok(record);
  assert.deepEqual(Buffer.from(record.owner), Buffer.from(rawName('owner')));
  assert.deepEqual([record.type, record.class, record.ttl], [0xfffe, 0xfffd, 0x8001_0203]);
  assert.deepEqual([record.start, record.ttlOffset, record.dataStart], [12, 12 + 7 + 4, 12 + 7 + 10]);
  assert.equal(record.end, 12 + RECORD.length);
});

test('a record that is truncated anywhere is invalid', () => {
  const wire = concat(HEADER, RECORD);
  const read = createRecordReader();
  for (let length = 12; length < wire.length; length++) {
    assert.equal(read(wire.subarray(0, length), 12), undefined, `${length} octets`);
  }
});

test('a record whose owner is an invalid name is invalid', () => {
  assert.equal(createRecordReader()(concat(HEADER, rawRecord(rawPointer(12), 1, 0, DATA)), 12), undefined);
});

test('a TTL with the top bit set is zero, others do not change (RFC 2181 §8)', () => {
  assert.deepEqual([0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff].map(clampTtl), [0, 1, 0x7fff_ffff, 0, 0]);
});
