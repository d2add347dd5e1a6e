import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readU16, readU32, writeU16, writeU32 } from '../../../src/message/wire/bytes.ts';

test('integers are big-endian and unsigned, the top bit included (RFC 1035 §2.3.2)', () => {
  const wire = Uint8Array.of(0, 0x80, 0x01, 0xff, 0xfe);
  assert.equal(readU16(wire, 1), 0x8001);
  assert.equal(readU32(wire, 1), 0x8001_fffe);
});

test('a value reads back as written, and adjacent octets do not change', () => {
  for (const value of [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
    const wire = new Uint8Array(6).fill(0xaa);
    writeU32(wire, 1, value);
    assert.equal(readU32(wire, 1), value);
    assert.deepEqual([wire[0], wire[5]], [0xaa, 0xaa]);
  }
  const wire = new Uint8Array(4).fill(0xaa);
  writeU16(wire, 1, 0xfedc);
  assert.deepEqual([...wire], [0xaa, 0xfe, 0xdc, 0xaa]);
});
