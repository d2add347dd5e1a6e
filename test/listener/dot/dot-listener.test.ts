import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { drops, echo, framed, HeldHandler, PATIENCE_MS } from '../harness.ts';
import { type DotClient, type DotService, HOST, materialOf, startDot, untilOpen } from './dot-harness.ts';

/*
 * The limits of test/listener/tcp/tcp-connection.test.ts also hold over TLS, and what TLS adds to the end of a
 * connection.
 */

const authority = await createCertificateAuthority();
after(() => authority[Symbol.asyncDispose]());

const IDLE_MS = 10_000;
const MESSAGE_MS = 2000;

function queries(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, id) => buildQuery({ id }));
}

const idOf = (message: Uint8Array): number => Buffer.from(message).readUInt16BE(0);
const upTo = (count: number): number[] => [...Array(count).keys()];

/** Resolves when the next timer is due in this time: the only sign that the server has read a part of a message. */
async function untilDue({ parts: { clock } }: DotService, ms: number): Promise<void> {
  await waitUntil(`a timer of ${ms} ms runs`, PATIENCE_MS, () => clock.untilNextMs === ms);
}

test('a query over TLS has the transport dot, and its client’s address and port', async () => {
  const held = new HeldHandler();
  await using service = await startDot(authority, held.handle);
  const client = await service.connect();
  const { localPort } = client.socket;
  client.send(buildQuery());
  await held.begun(1);
  const [query] = held.queries;
  assert.deepEqual(
    [query?.transport, query?.family, query?.client, query?.clientPort, query?.server, query?.tcpIdleMs],
    ['dot', 4, '127.0.0.1', localPort, '127.0.0.1', IDLE_MS],
  );
});

test('RFC 7858 §3.3: pipelined queries are answered in the order in which their answers arrive', async () => {
  const held = new HeldHandler();
  await using service = await startDot(authority, held.handle);
  const client = await service.connect();
  client.send(...queries(3));
  await held.begun(3);
  for (const index of [2, 0, 1]) held.answer(index);
  assert.deepEqual((await client.received(3)).map(idOf), [2, 0, 1]);
});

test('messages of 65,535 bytes pass in both directions', async () => {
  await using service = await startDot(authority, echo);
  const client = await service.connect();
  const longest = Buffer.concat([buildQuery()], 65_535);
  client.send(longest);
  assert.deepEqual((await client.received(1))[0], longest);
});

test('of 250 queries 100 are in flight, and each answer admits another one', async () => {
  const held = new HeldHandler();
  await using service = await startDot(authority, held.handle);
  const client = await service.connect();
  client.send(...queries(250));
  await held.begun(100);
  await setImmediate();
  assert.equal(held.queries.length, 100);
  held.answer(42);
  await client.received(1);
  assert.equal(held.queries.length, 101);
  for (const index of upTo(250)) {
    await held.begun(index + 1);
    held.answer(index);
  }
  assert.equal((await client.received(250)).length, 250);
});

test('a client that closes its side gets all its answers, even beyond the limit, and then close_notify', async () => {
  const held = new HeldHandler();
  await using service = await startDot(authority, held.handle);
  const client = await service.connect();
  client.socket.end(framed(...queries(150)));
  for (const index of upTo(150)) {
    await held.begun(index + 1);
    assert.equal(client.ended, false);
    held.answer(index);
  }
  assert.deepEqual((await client.received(150)).map(idOf), upTo(150));
  await client.end();
  assert.equal(client.socket.errored, null);
  await untilOpen(service, 0);
});

test('a message must be complete within two seconds of its first byte', async () => {
  await using service = await startDot(authority, echo);
  const client = await service.connect();
  client.socket.write(framed(buildQuery()).subarray(0, 1));
  await untilDue(service, MESSAGE_MS);
  service.parts.clock.advance(MESSAGE_MS - 1);
  await setImmediate();
  assert.equal(client.ended, false);
  service.parts.clock.advance(1);
  await client.end();
  assert.equal(drops(service.parts.metrics, 'tcp_message'), 1);
});

test('a connection is kept for ten seconds after the handshake, and after its last complete message', async () => {
  await using service = await startDot(authority, echo);
  const client = await service.connect();
  const silent = await service.connect();
  await untilDue(service, IDLE_MS);
  service.parts.clock.advance(IDLE_MS - 1);
  client.send(buildQuery());
  await client.received(1);
  service.parts.clock.advance(1);
  await silent.end();
  assert.equal(client.ended, false);
  service.parts.clock.advance(IDLE_MS - 1);
  await client.end();
  assert.equal(client.socket.errored, null);
});

test('a client that never reads is no longer read from, and then disconnected', async () => {
  let begun = 0;
  await using service = await startDot(authority, (_query, reply) => {
    begun++;
    return reply.length;
  });
  const client = await service.connect();
  client.socket.pause();
  client.send(...queries(2000));
  let before = -1;
  await waitUntil('reading stops', PATIENCE_MS, () => before === (before = begun) && begun > 0);
  assert.ok(begun < 2000, `${begun} queries were answered`);
  service.parts.clock.advance(IDLE_MS);
  await setImmediate();
  assert.equal(service.open(), 1);
  service.parts.clock.advance(5000);
  await untilOpen(service, 0);
  assert.equal(drops(service.parts.metrics, 'tcp_unread'), 1);
  assert.equal(service.parts.clock.pendingTimers, 0);
});

for (const tcpUnsentBytes of [512, 65_536, 1_048_576]) {
  test(`a client that reads slowly gets all its answers with a limit of ${tcpUnsentBytes} unsent octets`, async () => {
    let begun = 0;
    await using service = await startDot(
      authority,
      () => {
        begun++;
        return 10_000;
      },
      { limits: { tcpUnsentBytes } },
    );
    const client = await service.connect();
    client.socket.pause();
    client.send(...queries(2000));
    let before = -1;
    await waitUntil('reading stops', PATIENCE_MS, () => before === (before = begun) && begun > 0);
    client.socket.resume();
    await client.received(2000);
    assert.equal(client.ended, false);
  });
}

test('a client at its limit of connections can evict only its own', async () => {
  const limits = { tcpConnectionsPerClient: 2 };
  await using service = await startDot(authority, echo, { limits, groupOf: (address) => address });
  const connect = (from: string): Promise<DotClient> => service.connect({}, from);
  const other = await connect('127.0.0.3');
  const [first, second] = [await connect('127.0.0.2'), await connect('127.0.0.2')];
  await untilOpen(service, 3);
  service.parts.clock.advance(200);
  const connecting = connect('127.0.0.2');
  await waitUntil('the third is pending', PATIENCE_MS, () => service.parts.clock.untilNextMs === 20);
  service.parts.clock.advance(200);
  const third = await connecting;
  await first.end();
  for (const client of [other, second, third]) {
    client.send(buildQuery());
    await client.received(1);
  }
  assert.equal(drops(service.parts.metrics, 'tcp_gave_way'), 1);
});

test('a client outside the access list gets no handshake', async () => {
  await using service = await startDot(authority, echo);
  Object.assign(service.parts, { isAllowed: () => false });
  await assert.rejects(service.connect());
  assert.equal(drops(service.parts.metrics, 'not_allowed'), 1);
  assert.equal(service.open(), 0);
});

test('a drain answers the queries in flight and sends close_notify, before the listener is disposed', async () => {
  const held = new HeldHandler();
  const service = await startDot(authority, held.handle);
  const client = await service.connect({ minVersion: 'TLSv1.3' });
  const closed = once(client.socket, 'end');
  client.send(...queries(20));
  await held.begun(20);
  const drain = service.listener.drain();
  for (const index of upTo(20)) held.answer(index, Buffer.alloc(20_000));
  await drain;
  await service.listener[Symbol.asyncDispose]();
  // A connection that is cut off without close_notify ends with an error.
  await closed;
  assert.equal((await client.received(20)).length, 20);
  assert.equal(client.socket.errored, null);
  await service[Symbol.asyncDispose]();
});

test('the certificate may change while connections are open', async () => {
  await using service = await startDot(authority, echo);
  const before = await service.connect();
  service.identity.replace(await materialOf(await authority.issue([HOST, 'second.test'])));
  const afterwards = await service.connect({ servername: 'second.test' });
  for (const client of [before, afterwards]) {
    client.send(buildQuery());
    await client.received(1);
  }
});
