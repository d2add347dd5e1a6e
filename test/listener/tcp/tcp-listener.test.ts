import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import type { TcpLimits } from '../../../src/listener/listener.ts';
import { TcpListener } from '../../../src/listener/tcp/tcp-listener.ts';
import type { Handler } from '../../../src/model/query.ts';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { drops, echo, HeldHandler, LIMITS, PATIENCE_MS, type Parts, parts, TcpClient } from '../harness.ts';

const LOOPBACK = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .filter(({ address }) => address === '127.0.0.1' || address === '::1');

for (const { address, family } of LOOPBACK) {
  test(`a listener answers queries on ${address}`, async () => {
    const held = new HeldHandler();
    await using listener = await TcpListener.open(parts(held.handle), { address, port: 0 });
    await using client = await TcpClient.connect(listener.port, address);
    client.send(buildQuery());
    await held.begun(1);
    held.answer(0);
    await client.received(1);
    assert.equal(held.queries[0]?.client, address);
    assert.equal(held.queries[0]?.server, address);
    assert.equal(held.queries[0]?.family, family === 'IPv6' ? 6 : 4);
  });
}

test('a drain answers queries in flight, accepts no more, and closes', async () => {
  const held = new HeldHandler();
  await using listener = await TcpListener.open(parts(held.handle), { address: '127.0.0.1', port: 0 });
  const { port } = listener;
  await using client = await TcpClient.connect(port);
  await using idle = await TcpClient.connect(port);
  client.send(buildQuery());
  await held.begun(1);

  let drained = false;
  const drain = listener.drain().then(() => (drained = true));
  await idle.end();
  client.send(buildQuery());
  await assert.rejects(TcpClient.connect(port), { code: 'ECONNREFUSED' });
  assert.equal(drained, false);
  held.answer(0);
  await drain;
  await client.received(1);
  await client.end();
  assert.equal(held.queries.length, 1);
});

test('disposing closes open connections, even with queries in flight', async () => {
  const held = new HeldHandler();
  const listener = await TcpListener.open(parts(held.handle), { address: '127.0.0.1', port: 0 });
  await using client = await TcpClient.connect(listener.port);
  client.send(buildQuery());
  await held.begun(1);
  await listener[Symbol.asyncDispose]();
  await client.end();
  held.answer(0);
});

/** Makes each address of 127.0.0.0/8 a separate client. In production all of them are this machine. */
const groupOf = (client: string): string => client;

interface Crowd extends AsyncDisposable {
  readonly parts: Parts;
  connect(from: string): Promise<TcpClient>;
}

async function openCrowded(limits: Partial<TcpLimits>, handler: Handler = echo): Promise<Crowd> {
  await using stack = new AsyncDisposableStack();
  const components = { ...parts(handler), limits: { ...LIMITS, ...limits }, groupOf };
  const listener = stack.use(await TcpListener.open(components, { address: '127.0.0.1', port: 0 }));
  const owned = stack.move();
  return {
    parts: components,
    async connect(from) {
      const accepted = (): number => components.metrics.totals.tcpConnections.entries()[0]?.count ?? 0;
      const before = accepted();
      const client = owned.use(await TcpClient.connect(listener.port, '127.0.0.1', from));
      // Waits for the admission, so that the order is certain. A pending connection is not admitted.
      await waitUntil('it is accepted', 50, () => accepted() > before).catch(() => {});
      return client;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function assertServed(client: TcpClient): Promise<void> {
  const before = client.messages.length;
  client.send(buildQuery());
  await client.received(before + 1);
}

test('RFC 7766 §6.2.2: beyond the limit, the longest-idle connection of the client with most is evicted without a reset', async () => {
  await using crowd = await openCrowded({ tcpConnections: 3 });
  const { clock, metrics } = crowd.parts;
  const single = await crowd.connect('127.0.0.3');
  const first = await crowd.connect('127.0.0.2');
  clock.advance(1);
  const second = await crowd.connect('127.0.0.2');
  clock.advance(400);
  const newcomer = await crowd.connect('127.0.0.4');
  await first.end();
  assert.equal(first.socket.errored, null);
  await Promise.all([single, second, newcomer].map(assertServed));
  assert.equal(drops(metrics, 'tcp_gave_way'), 1);
  assert.equal(drops(metrics, 'tcp_connections'), 0);
});

test('RFC 7766 §6.2.2: a client at its limit can evict only its own connections', async () => {
  await using crowd = await openCrowded({ tcpConnectionsPerClient: 2 });
  const { clock, metrics } = crowd.parts;
  const other = await crowd.connect('127.0.0.3');
  const [first, second] = [await crowd.connect('127.0.0.2'), await crowd.connect('127.0.0.2')];
  clock.advance(100);
  const third = await crowd.connect('127.0.0.2');
  clock.advance(100);
  await first.end();
  await Promise.all([other, second, third].map(assertServed));
  assert.equal(drops(metrics, 'tcp_gave_way'), 1);
});

test('a connection stays pending and unread until another one can be evicted', async () => {
  const held = new HeldHandler();
  await using crowd = await openCrowded({ tcpConnectionsPerClient: 1 }, held.handle);
  const { clock } = crowd.parts;
  const busy = await crowd.connect('127.0.0.2');
  busy.send(buildQuery());
  await held.begun(1);
  clock.advance(5000);
  const newcomer = await crowd.connect('127.0.0.2');
  newcomer.send(buildQuery());
  clock.advance(1000);
  assert.equal(newcomer.ended, false);
  assert.equal(held.queries.length, 1);
  held.answer(0);
  await busy.received(1);
  clock.advance(200);
  await held.begun(2);
  held.answer(1);
  await newcomer.received(1);
  assert.equal(newcomer.socket.errored, null);
});

test('RFC 7828 §3.3.2: a query knows the current idle time', async () => {
  const held = new HeldHandler();
  await using crowd = await openCrowded({ tcpConnections: 4, tcpIdleMs: 8000 }, held.handle);
  const [first] = [await crowd.connect('127.0.0.2'), await crowd.connect('127.0.0.3')];
  first.send(buildQuery());
  await held.begun(1);
  await crowd.connect('127.0.0.4');
  first.send(buildQuery());
  await held.begun(2);
  assert.deepEqual(
    held.queries.map(({ tcpIdleMs }) => tcpIdleMs),
    [8000, 4250],
  );
});

test('a connection is not evicted before its client could send a query', async () => {
  await using crowd = await openCrowded({ tcpConnections: 1 });
  const { clock } = crowd.parts;
  const [first, second] = [await crowd.connect('127.0.0.2'), await crowd.connect('127.0.0.3')];
  await assertServed(first);
  assert.equal(second.ended, false);
  clock.advance(200);
  await first.end();
  await assertServed(second);
});

test('a client that is not on the access list is disconnected without an answer', async () => {
  const components = { ...parts(echo), isAllowed: () => false };
  await using listener = await TcpListener.open(components, { address: '127.0.0.1', port: 0 });
  await using client = await TcpClient.connect(listener.port);
  client.send(buildQuery());
  await client.end();
  assert.deepEqual(client.messages, []);
  assert.equal(drops(components.metrics, 'not_allowed'), 1);
});

test('errors tell a busy port from a foreign address, and name the address', async () => {
  const components = parts(echo);
  await using listener = await TcpListener.open(components, { address: '127.0.0.1', port: 0 });
  const { port } = listener;
  await assert.rejects(TcpListener.open(components, { address: '127.0.0.1', port }), {
    code: 'ERR_LISTEN_IN_USE',
    message: new RegExp(`^TCP 127\\.0\\.0\\.1:${port}: `),
  });
  await assert.rejects(TcpListener.open(components, { address: '192.0.2.1', port }), {
    code: 'ERR_LISTEN_ADDRESS',
    message: new RegExp(`^TCP 192\\.0\\.2\\.1:${port}: `),
  });
});

test('connections are counted on admission and on closing, and not while pending', async () => {
  const components = { ...parts(echo), limits: { ...LIMITS, tcpConnections: 2 } };
  await using listener = await TcpListener.open(components, { address: '127.0.0.1', port: 0 });
  const counted = (): number[] => components.metrics.totals.tcpConnections.entries().map(({ count }) => count);
  await using first = await TcpClient.connect(listener.port);
  await using second = await TcpClient.connect(listener.port);
  await using waiting = await TcpClient.connect(listener.port);
  await waitUntil('two are accepted', PATIENCE_MS, () => counted()[0] === 2);
  assert.deepEqual(counted(), [2, 0]);
  await waiting[Symbol.asyncDispose]();
  first.socket.end();
  second.socket.destroy();
  await waitUntil('both are closed', PATIENCE_MS, () => counted()[1] === 2);
  assert.deepEqual(counted(), [2, 2]);
});
