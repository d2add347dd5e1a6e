import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { frame, MessageReader } from '../../src/message/framing.ts';

const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Pushes the bytes in chunks of these sizes, over and over, and takes every message as soon as it is whole. */
function readInChunks(reader: MessageReader, bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let offset = 0, i = 0; offset < bytes.length; i++) {
    const end = offset + (sizes[i % sizes.length] as number);
    reader.push(bytes.subarray(offset, end));
    for (let message = reader.next(); message !== undefined; message = reader.next()) messages.push(message);
    offset = end;
  }
  return messages;
}

test('the same messages come out however the stream is cut into chunks', () => {
  const messages = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });
  const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(messages, sizes, (sent, chunkSizes) => {
      const reader = new MessageReader();
      const received = readInChunks(reader, Buffer.concat(sent.map(frame)), chunkSizes);
      assert.deepEqual(received.map(toHex), sent.map(toHex));
      assert.equal(reader.midway, false);
    }),
  );
});

test('a message of 65,535 bytes is the longest that the length in front can tell', () => {
  const longest = new Uint8Array(65_535).fill(7);
  const framed = frame(longest);
  assert.deepEqual([...framed.subarray(0, 3)], [0xff, 0xff, 7]);
  const [message] = readInChunks(new MessageReader(), framed, [1000]);
  assert.deepEqual(Buffer.from(message ?? []), Buffer.from(longest));
});

test('a message that has begun and not ended is told from none', () => {
  const reader = new MessageReader();
  assert.equal(reader.midway, false);
  for (const octet of [0, 2, 0xaa]) {
    reader.push(Uint8Array.of(octet));
    assert.equal(reader.next(), undefined);
    assert.equal(reader.midway, true);
  }
  reader.push(Uint8Array.of(0xbb, 0));
  assert.deepEqual([...(reader.next() ?? [])], [0xaa, 0xbb]);
  assert.equal(reader.next(), undefined);
  assert.equal(reader.midway, true);
});
