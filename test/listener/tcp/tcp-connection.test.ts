import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { TcpLimits } from '../../../src/listener/listener.ts';
import { TcpConnection } from '../../../src/listener/tcp/tcp-connection.ts';
import { MAX_MESSAGE_BYTES } from '../../../src/message/wire/header.ts';
import type { Handler } from '../../../src/model/query.ts';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { drops, echo, framed, HeldHandler, LIMITS, PATIENCE_MS, type Parts, parts, TcpClient } from '../harness.ts';

interface Conversation extends AsyncDisposable {
  readonly client: TcpClient;
  readonly connection: TcpConnection;
  /** The server's end of the connection. */
  readonly socket: Socket;
  readonly parts: Parts;
  /** Sends bytes and waits until the server's end has read them. */
  deliver(bytes: Uint8Array): Promise<void>;
}

async function converse(handler: Handler, limits: Partial<TcpLimits> = {}): Promise<Conversation> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const [client, [socket]] = await Promise.all([
    TcpClient.connect((server.address() as AddressInfo).port),
    once(server, 'connection') as Promise<[Socket]>,
  ]);
  server.close();
  const components = { ...parts(handler), limits: { ...LIMITS, ...limits } };
  return {
    client,
    connection: new TcpConnection(components, socket, {
      client: '127.0.0.1',
      server: '127.0.0.1',
      transport: 'tcp',
      replySpace: new Uint8Array(MAX_MESSAGE_BYTES),
      idleMs: () => components.limits.tcpIdleMs,
      onUsed() {},
    }),
    socket,
    parts: components,
    async deliver(bytes) {
      const read = socket.bytesRead + bytes.length;
      client.socket.write(bytes);
      await waitUntil('the bytes are read', PATIENCE_MS, () => socket.bytesRead === read);
      await setImmediate();
    },
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      socket.destroy();
    },
  };
}

/** Queries that differ in their IDs. */
function queries(count: number, firstId = 0): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => buildQuery({ id: firstId + i }));
}

const idOf = (message: Uint8Array): number => Buffer.from(message).readUInt16BE(0);
const upTo = (count: number): number[] => [...Array(count).keys()];

test('pipelined queries are answered in the order in which their answers arrive', async () => {
  const held = new HeldHandler();
  await using talk = await converse(held.handle);
  talk.client.send(...queries(3));
  await held.begun(3);
  for (const index of [2, 0, 1]) held.answer(index);
  assert.deepEqual((await talk.client.received(3)).map(idOf), [2, 0, 1]);
});

test('a query that arrives byte by byte is one query, with the address of its client', async () => {
  const held = new HeldHandler();
  await using talk = await converse(held.handle);
  for (const octet of framed(...queries(1, 7))) {
    assert.equal(held.queries.length, 0);
    await talk.deliver(Uint8Array.of(octet));
  }
  const [query] = held.queries;
  assert.deepEqual(Buffer.from(query?.wire ?? []), Buffer.from(buildQuery({ id: 7 })));
  assert.equal(query?.scan.verdict, 'ok');
  assert.deepEqual(
    [query?.transport, query?.family, query?.client, query?.clientPort],
    ['tcp', 4, '127.0.0.1', talk.client.socket.localPort],
  );
});

test('messages of 65,535 bytes pass in both directions', async () => {
  await using talk = await converse(echo);
  const longest = Buffer.concat([buildQuery()], 65_535);
  talk.client.send(longest);
  assert.deepEqual((await talk.client.received(1))[0], longest);
});

test('of 250 queries in one segment 100 are in flight, and each answer admits another one', async () => {
  const held = new HeldHandler();
  await using talk = await converse(held.handle);
  await talk.deliver(framed(...queries(250)));
  assert.equal(held.queries.length, 100);
  held.answer(42);
  await talk.client.received(1);
  assert.equal(held.queries.length, 101);
  for (const index of upTo(250)) {
    await held.begun(index + 1);
    held.answer(index);
  }
  const ids = (await talk.client.received(250)).map(idOf);
  assert.deepEqual(
    ids.toSorted((a, b) => a - b),
    upTo(250),
  );
});

test('reading pauses while 100 queries are in flight', async () => {
  const held = new HeldHandler();
  await using talk = await converse(held.handle);
  await talk.deliver(framed(...queries(100)));
  assert.equal(talk.socket.isPaused(), true);
  held.answer(0);
  await talk.client.received(1);
  assert.equal(talk.socket.isPaused(), false);
});

test('a client that has closed its side gets all its answers, even beyond the limit, and then the end', async () => {
  const held = new HeldHandler();
  await using talk = await converse(held.handle);
  talk.client.socket.end(framed(...queries(150)));
  for (const index of upTo(150)) {
    await held.begun(index + 1);
    assert.equal(talk.client.ended, false);
    held.answer(index);
  }
  assert.deepEqual((await talk.client.received(150)).map(idOf), upTo(150));
  await talk.client.end();
});

test('a client that has closed its side with nothing in flight is disconnected', async () => {
  await using talk = await converse(echo);
  talk.client.socket.end();
  await talk.client.end();
});

test('a message must be complete within two seconds of its first byte', async () => {
  await using talk = await converse(echo);
  const bytes = framed(buildQuery());
  await talk.deliver(bytes.subarray(0, 1));
  for (let sent = 1; sent < 5; sent++) {
    talk.parts.clock.advance(400);
    await talk.deliver(bytes.subarray(sent, sent + 1));
  }
  talk.parts.clock.advance(399);
  await setImmediate();
  assert.equal(talk.socket.writableEnded, false);
  talk.parts.clock.advance(1);
  await talk.client.end();
});

test('each message has two seconds of its own, even if it starts in the last segment of another', async () => {
  await using talk = await converse(echo);
  const [first, second, third] = queries(3).map((query) => framed(query)) as [Buffer, Buffer, Buffer];
  await talk.deliver(first.subarray(0, 9));
  talk.parts.clock.advance(1500);
  await talk.deliver(Buffer.concat([first.subarray(9), second.subarray(0, 9)]));
  talk.parts.clock.advance(1500);
  await talk.deliver(Buffer.concat([second.subarray(9), third.subarray(0, 9)]));
  talk.parts.clock.advance(1500);
  await talk.deliver(third.subarray(9));
  assert.deepEqual((await talk.client.received(3)).map(idOf), [0, 1, 2]);
});

test('the timer of an incomplete message does not run while reading is paused', async () => {
  const held = new HeldHandler();
  await using talk = await converse(held.handle);
  const bytes = framed(...queries(101));
  await talk.deliver(bytes.subarray(0, -5));
  talk.parts.clock.advance(9000);
  held.answer(0);
  await talk.client.received(1);
  talk.parts.clock.advance(1999);
  await talk.deliver(bytes.subarray(-5));
  await held.begun(101);
});

test('a connection is kept for ten seconds after its last complete message', async () => {
  await using talk = await converse(echo);
  for (const id of upTo(3)) {
    talk.parts.clock.advance(9999);
    await talk.deliver(framed(...queries(1, id)));
  }
  await talk.client.received(3);
  talk.parts.clock.advance(9999);
  await setImmediate();
  assert.equal(talk.socket.writableEnded, false);
  talk.parts.clock.advance(1);
  await talk.client.end();
});

test('a silent connection is kept for ten seconds', async () => {
  await using talk = await converse(echo);
  talk.parts.clock.advance(10_000);
  await talk.client.end();
});

test('a client that waits for an answer is not idle', async () => {
  const held = new HeldHandler();
  await using talk = await converse(held.handle);
  talk.client.send(...queries(1));
  await held.begun(1);
  talk.parts.clock.advance(15_000);
  held.answer(0);
  await talk.client.received(1);
  assert.equal(talk.client.ended, false);
});

test('a client that never reads is no longer read from, and then disconnected', async () => {
  let begun = 0;
  await using talk = await converse((_query, reply) => {
    begun++;
    return reply.length;
  });
  talk.client.socket.pause();
  talk.client.send(...queries(2000));
  await waitUntil('reading stops', PATIENCE_MS, () => talk.socket.isPaused());
  await setImmediate();
  const { writableLength } = talk.socket;
  assert.ok(begun < 2000);
  assert.ok(writableLength < 65_536 + 2 * 65_537, `${writableLength} bytes wait`);
  talk.parts.clock.advance(10_000);
  await setImmediate();
  assert.equal(talk.socket.destroyed, false);
  talk.parts.clock.advance(5000);
  assert.equal(talk.socket.destroyed, true);
});

test('a message without an answer ends the connection once the queries before it are answered', async () => {
  const held = new HeldHandler();
  let count = 0;
  await using talk = await converse((query, reply) => (++count === 2 ? 0 : held.handle(query, reply)));
  talk.client.send(...queries(3));
  await held.begun(1);
  assert.equal(talk.client.ended, false);
  held.answer(0);
  assert.deepEqual((await talk.client.received(1)).map(idOf), [0]);
  await talk.client.end();
  assert.equal(held.queries.length, 1);
});

test('answers for a client that has disconnected are counted drops, and leave no timer', async () => {
  const held = new HeldHandler();
  await using talk = await converse(held.handle);
  talk.client.send(...queries(2));
  await held.begun(2);
  talk.client.socket.resetAndDestroy();
  await waitUntil('the connection is gone', PATIENCE_MS, () => talk.socket.closed);
  held.answer(0);
  held.answer(1);
  await talk.connection.idle();
  await setImmediate();
  assert.equal(drops(talk.parts.metrics, 'send_failed'), 2);
  assert.equal(talk.parts.clock.pendingTimers, 0);
});

test('a client that disconnects before its last answer leaves no timer', async () => {
  const held = new HeldHandler();
  await using talk = await converse(held.handle);
  talk.client.send(...queries(1));
  await held.begun(1);
  talk.connection.end();
  talk.client.socket.resetAndDestroy();
  await waitUntil('the connection is gone', PATIENCE_MS, () => talk.socket.closed);
  held.answer(0);
  await talk.connection.idle();
  await setImmediate();
  assert.equal(talk.parts.clock.pendingTimers, 0);
});

test('a client that reads slowly gets all its answers', async () => {
  await using talk = await converse((_query, reply) => reply.length);
  talk.client.socket.pause();
  talk.client.send(...queries(200));
  await waitUntil('reading stops', PATIENCE_MS, () => talk.socket.isPaused());
  talk.client.socket.resume();
  await talk.client.received(200);
});

const KIB = 1024;

for (const tcpUnsentBytes of [512, KIB, 4 * KIB, 16 * KIB, 32 * KIB, 64 * KIB, 128 * KIB, KIB * KIB]) {
  test(`a client that reads slowly gets all its answers with a limit of ${tcpUnsentBytes} unsent octets`, async () => {
    const replyBytes = 10_000;
    const asked = 2000;
    await using talk = await converse(() => replyBytes, { tcpUnsentBytes });
    talk.client.socket.pause();
    talk.client.send(...queries(asked));
    await waitUntil('reading stops', PATIENCE_MS, () => talk.socket.isPaused() && talk.socket.writableLength > 0);
    assert.ok(talk.socket.writableLength <= tcpUnsentBytes + replyBytes + 2);
    talk.client.socket.resume();
    await talk.client.received(asked);
    assert.equal(talk.client.ended, false);
  });
}

test('queries that are answered at once leave other connections their turn', async () => {
  const turns = { answered: 0, most: 0 };
  let ofTurn = 0;
  await using talk = await converse((query, reply) => {
    turns.answered++;
    ofTurn++;
    return echo(query, reply);
  });
  talk.client.send(...queries(1000));
  while (turns.answered < 1000) {
    await setImmediate();
    turns.most = Math.max(turns.most, ofTurn);
    ofTurn = 0;
  }
  assert.ok(turns.most <= 200, `${turns.most} were answered in one turn`);
  assert.equal((await talk.client.received(1000)).length, 1000);
});

test('a closing connection is read to its end, so that it closes without a reset', async () => {
  const held = new HeldHandler();
  await using talk = await converse(held.handle);
  await talk.deliver(framed(...queries(100)));
  talk.connection.end();
  // More than the kernel buffers, so that the client's end arrives only if everything is read.
  talk.client.socket.end(Buffer.alloc(8 << 20));
  for (const index of upTo(100)) held.answer(index);
  await waitUntil('the connection closes', PATIENCE_MS, () => talk.socket.closed);
  assert.equal((await talk.client.received(100)).length, 100);
  assert.equal(talk.client.socket.errored, null);
});
