import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { frame, MessageReader } from '../../../src/message/wire/framing.ts';

const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Pushes the bytes in chunks of these sizes, cyclically, and takes each message as soon as it is complete. */
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

test('the same messages result from any division of the stream into chunks', () => {
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

test('a message of 65,535 bytes is the longest that the prefix can express', () => {
  const longest = new Uint8Array(65_535).fill(7);
  const framed = frame(longest);
  assert.deepEqual([...framed.subarray(0, 3)], [0xff, 0xff, 7]);
  const [message] = readInChunks(new MessageReader(), framed, [1000]);
  assert.deepEqual(Buffer.from(message ?? []), Buffer.from(longest));
});

test('an incomplete message is distinguished from none', () => {
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

/** Counts the octets copied between byte arrays while `work` runs. */
function copiedBytes(t: TestContext, work: () => void): number {
  const typedArrayPrototype: Uint8Array = Object.getPrototypeOf(Uint8Array.prototype);
  const sets = t.mock.method(typedArrayPrototype, 'set');
  const concats = t.mock.method(Buffer, 'concat');
  work();
  sets.mock.restore();
  concats.mock.restore();
  const lengths = [
    ...sets.mock.calls.map(({ arguments: [from] }) => from.length),
    ...concats.mock.calls.map(({ result }) => result?.length ?? 0),
  ];
  return lengths.reduce((sum, length) => sum + length, 0);
}

for (const chunkBytes of [1, 2, 7, 1460]) {
  test(`a message of 64 KiB in chunks of ${chunkBytes} octets is copied about twice, not once per chunk`, (t) => {
    const stream = frame(Buffer.alloc(65_535, 'x'));
    let messages: Uint8Array[] = [];
    const copied = copiedBytes(t, () => (messages = readInChunks(new MessageReader(), stream, [chunkBytes])));
    assert.equal(messages[0]?.length, 65_535);
    assert.ok(copied <= 3 * stream.length, `${copied} octets were copied`);
  });
}

test('for any division of a stream, the octets copied are linear in its length', (t) => {
  const messages = fc.array(fc.uint8Array({ maxLength: 3000 }), { minLength: 1, maxLength: 6 });
  const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(messages, sizes, (sent, chunkSizes) => {
      const stream = Buffer.concat(sent.map(frame));
      let received: Uint8Array[] = [];
      const copied = copiedBytes(t, () => (received = readInChunks(new MessageReader(), stream, chunkSizes)));
      assert.deepEqual(received.map(toHex), sent.map(toHex));
      assert.ok(copied <= 4 * stream.length, `${copied} of ${stream.length}`);
    }),
  );
});

test('later chunks and changes do not affect messages already taken', () => {
  const messages = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { minLength: 2, maxLength: 8 });
  const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(messages, sizes, (sent, chunkSizes) => {
      const reader = new MessageReader();
      const received = readInChunks(reader, Buffer.concat(sent.map(frame)), chunkSizes);
      // The caller owns them: modifying one does not affect another.
      for (const message of received.filter((_, index) => index % 2 === 0)) message.fill(0);
      const expected = sent.map((message, index) => (index % 2 === 0 ? new Uint8Array(message.length) : message));
      assert.deepEqual(received.map(toHex), expected.map(toHex));
    }),
  );
});

test('messages may also be taken late', () => {
  const sent = Array.from({ length: 50 }, (_, i) => Uint8Array.of(i, i, i));
  const reader = new MessageReader();
  for (const octet of Buffer.concat(sent.map(frame))) reader.push(Uint8Array.of(octet));
  for (const message of sent) assert.deepEqual([...(reader.next() ?? [])], [...message]);
  assert.equal(reader.next(), undefined);
  assert.equal(reader.midway, false);
});

test('a length prefix alone reserves no memory for its message', (t) => {
  const allocUnsafe = t.mock.method(Buffer, 'allocUnsafe');
  const reader = new MessageReader();
  for (const octet of [0xff, 0xff, 1]) reader.push(Uint8Array.of(octet));
  for (const { arguments: args } of allocUnsafe.mock.calls) assert.ok((args[0] ?? 0) <= 8);
});
