import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lowerCase, MAX_NAME_BYTES, readName, skipPlainName } from '../../../src/message/wire/name.ts';
import { concat, rawName, rawNameOfLength, rawPointer } from '../../fixtures/dns/messages.ts';

/** Takes the place of a header. */
const HEADER = new Uint8Array(12);
const START = HEADER.length;

/** The uncompressed name at `offset`, and where it ends in the message. */
function read(wire: Uint8Array, offset: number): { readonly name: Buffer; readonly end: number } | undefined {
  const target = Buffer.alloc(MAX_NAME_BYTES);
  const extent = readName(wire, offset, target);
  return extent && { name: target.subarray(0, extent.length), end: extent.end };
}

test('only ASCII letters are folded; other octets do not change (RFC 4343 §3)', () => {
  for (let octet = 0; octet <= 0xff; octet++) {
    const isCapital = octet >= 0x41 && octet <= 0x5a;
    assert.equal(lowerCase(octet), isCapital ? octet + 0x20 : octet);
  }
});

test('an uncompressed name ends after its root label', () => {
  assert.equal(skipPlainName(concat(HEADER, rawName('www', 'example'), Uint8Array.of(1, 2)), START), START + 13);
  assert.equal(skipPlainName(concat(HEADER, rawName()), START), START + 1);
});

test('an uncompressed name that is truncated anywhere is invalid', () => {
  const wire = concat(HEADER, rawName('www', 'example', 'com'));
  for (let length = START; length < wire.length; length++) {
    assert.equal(skipPlainName(wire.subarray(0, length), START), -1, `${length} octets`);
  }
});

test('a name of 255 octets is valid, one of 256 is not (RFC 1035 §2.3.4)', () => {
  const longest = concat(HEADER, rawNameOfLength(255));
  assert.equal(longest.length, START + 255);
  assert.equal(skipPlainName(longest, START), longest.length);
  assert.equal(read(longest, START)?.name.length, 255);

  const tooLong = concat(HEADER, rawNameOfLength(256));
  assert.equal(tooLong.length, START + 256);
  assert.equal(skipPlainName(tooLong, START), -1);
  assert.equal(read(tooLong, START), undefined);
});

test('a label of 63 octets is valid; larger length octets are invalid in an uncompressed name (RFC 1035 §2.3.4, §4.1.4)', () => {
  assert.equal(skipPlainName(concat(HEADER, rawName('a'.repeat(63))), START), START + 65);
  const wire = new Uint8Array(START + 300);
  for (let length = 64; length <= 0xff; length++) {
    wire[START] = length;
    assert.equal(skipPlainName(wire, START), -1, `length octet ${length}`);
  }
});

test('label types 0x40 and 0x80 are unassigned and invalid (RFC 6891 §5)', () => {
  const wire = new Uint8Array(START + 300);
  for (let length = 64; length < 0xc0; length++) {
    wire[START] = length;
    assert.equal(read(wire, START), undefined, `length octet ${length}`);
  }
});

test('a name is read in lower case, with other octets unchanged', () => {
  const name = rawName('MiXeD', '\u0000\u00ff.\u00c1[@`{', 'x');
  const found = read(concat(HEADER, name), START);
  assert.deepEqual(found?.name, Buffer.from(rawName('mixed', '\u0000\u00ff.\u00c1[@`{', 'x')));
  assert.equal(found?.end, START + name.length);
});

test('a compressed name is assembled, and ends after its own pointer (RFC 1035 §4.1.4)', () => {
  const com = START;
  const example = com + 5;
  const www = example + 10;
  const wire = concat(
    HEADER,
    rawName('COM'),
    Uint8Array.of(7),
    Buffer.from('example'),
    rawPointer(com),
    Uint8Array.of(3),
    Buffer.from('www'),
    rawPointer(example),
    Uint8Array.of(9, 9),
  );
  assert.deepEqual(read(wire, www), { name: Buffer.from(rawName('www', 'example', 'com')), end: www + 6 });
});

test('a pointer to itself, forwards, or in a loop is invalid', () => {
  const label = Uint8Array.of(1, 0x61);
  for (const destination of [START, START + 1, START + 2, START + 3, START + 100, 0x3fff]) {
    assert.equal(
      read(concat(HEADER, rawPointer(destination), rawName()), START),
      undefined,
      `pointer to ${destination}`,
    );
    assert.equal(
      read(concat(HEADER, label, rawPointer(destination), rawName()), START),
      undefined,
      `label, pointer to ${destination}`,
    );
  }
  const circle = concat(HEADER, label, rawPointer(START + 4), label, rawPointer(START));
  assert.equal(read(circle, START), undefined);
  assert.equal(read(circle, START + 4), undefined);
});

test('the target of a pointer must end before the name with the pointer starts', () => {
  // A label of 3 octets before the pointer to it: it includes the pointer and the next octet.
  const wire = concat(HEADER, Uint8Array.of(3), rawPointer(START), Uint8Array.of(0x61, 0));
  assert.equal(read(wire, START + 1), undefined);
  // The label ends before the pointer, but its name continues.
  assert.equal(read(concat(HEADER, Uint8Array.of(1, 0x61), rawPointer(START), rawName()), START + 2), undefined);
  const whole = concat(HEADER, rawName('a'), rawPointer(START));
  assert.deepEqual(read(whole, START + 3), { name: Buffer.from(rawName('a')), end: whole.length });
});

test('a pointer into the header is invalid: the header contains no name, and it changes', () => {
  for (let destination = 0; destination < START; destination++) {
    assert.equal(read(concat(HEADER, rawPointer(destination)), START), undefined, `pointer to ${destination}`);
  }
});

test('a name that is truncated anywhere, even within its pointer, is invalid', () => {
  const target = rawName('com');
  const wire = concat(HEADER, target, Uint8Array.of(3), Buffer.from('www'), rawPointer(START));
  const start = START + target.length;
  for (let length = start; length < wire.length; length++) {
    assert.equal(read(wire.subarray(0, length), start), undefined, `${length} octets`);
  }
  assert.notEqual(read(wire, start), undefined);
});

test('half a pointer is invalid, even if a zero octet would complete it', () => {
  const wire = new Uint8Array(0x102);
  wire[0x101] = 0xc1;
  assert.equal(read(wire, 0x101), undefined);
  assert.notEqual(read(concat(wire, Uint8Array.of(0)), 0x101), undefined);
});

test('a name that is too long only after decompression is invalid, and no more than 255 octets are written', () => {
  const tail = rawNameOfLength(253);
  const label = Uint8Array.of(1, 0x61);
  const wire = concat(HEADER, tail, label, rawPointer(START), label, rawPointer(START + tail.length));
  assert.equal(read(wire, START + tail.length)?.name.length, 255);
  assert.equal(read(wire, START + tail.length + 4), undefined);
});

test('at most as many pointers are followed as a name can have labels', () => {
  const root = rawName();
  const chain = Array.from({ length: 128 }, (_, i) => rawPointer(i === 0 ? START : START + root.length + 2 * (i - 1)));
  const wire = concat(HEADER, root, ...chain);
  const lastBut = (count: number): number => wire.length - 2 * count;
  assert.deepEqual(read(wire, lastBut(2))?.name, Buffer.from(root));
  assert.equal(read(wire, lastBut(1)), undefined);
});
