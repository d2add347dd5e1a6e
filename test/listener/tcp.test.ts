import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { TcpListener } from '../../src/listener/tcp.ts';
import { buildQuery } from '../fixtures/messages.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import { LIMITS, drops, echo, HeldHandler, parts, PATIENCE_MS, TcpClient } from './harness.ts';

const LOOPBACK = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .filter(({ address }) => address === '127.0.0.1' || address === '::1');

for (const { address, family } of LOOPBACK) {
  test(`queries are taken on ${address}`, async () => {
    const held = new HeldHandler();
    await using listener = await TcpListener.open(parts(held.handle), { address, port: 0 });
    await using client = await TcpClient.connect(listener.port, address);
    client.send(buildQuery());
    await held.begun(1);
    held.answer(0);
    await client.received(1);
    assert.equal(held.queries[0]?.client, address);
    assert.equal(held.queries[0]?.family, family === 'IPv6' ? 6 : 4);
  });
}

test('a drain answers what is in flight, takes nothing more, and closes', async () => {
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

test('disposing closes connections that are open, whatever they wait for', async () => {
  const held = new HeldHandler();
  const listener = await TcpListener.open(parts(held.handle), { address: '127.0.0.1', port: 0 });
  await using client = await TcpClient.connect(listener.port);
  client.send(buildQuery());
  await held.begun(1);
  await listener[Symbol.asyncDispose]();
  await client.end();
  held.answer(0);
});

test('RFC 7766 §6.2.2: connections beyond the limit are refused and counted, and there is room again when one has gone', async () => {
  await using stack = new AsyncDisposableStack();
  const components = { ...parts(echo), limits: { ...LIMITS, tcpConnections: 3 } };
  const listener = stack.use(await TcpListener.open(components, { address: '127.0.0.1', port: 0 }));
  const clients = await Promise.all(Array.from({ length: 4 }, () => TcpClient.connect(listener.port)));
  for (const client of clients) stack.use(client);
  await waitUntil('one is refused', PATIENCE_MS, () => drops(components.metrics, 'tcp_connections') === 1);
  await clients.find(({ ended }) => !ended)?.[Symbol.asyncDispose]();
  const next = stack.use(await TcpClient.connect(listener.port));
  next.send(buildQuery());
  await next.received(1);
});

test('RFC 7766 §6.2.2: one client cannot have all connections', async () => {
  await using stack = new AsyncDisposableStack();
  const components = { ...parts(echo), limits: { ...LIMITS, tcpConnectionsPerClient: 2 } };
  const listener = stack.use(await TcpListener.open(components, { address: '127.0.0.1', port: 0 }));
  const connect = async (from: string): Promise<TcpClient> =>
    stack.use(await TcpClient.connect(listener.port, '127.0.0.1', from));
  for (const from of ['127.0.0.2', '127.0.0.2', '127.0.0.2']) await connect(from);
  await waitUntil('one is refused', PATIENCE_MS, () => drops(components.metrics, 'tcp_connections_client') === 1);
  const other = await connect('127.0.0.3');
  other.send(buildQuery());
  await other.received(1);
});

test('a client that is not on the access list is cut off without an answer', async () => {
  const components = { ...parts(echo), isAllowed: () => false };
  await using listener = await TcpListener.open(components, { address: '127.0.0.1', port: 0 });
  await using client = await TcpClient.connect(listener.port);
  client.send(buildQuery());
  await client.end();
  assert.deepEqual(client.messages, []);
  assert.equal(drops(components.metrics, 'not_allowed'), 1);
});

test('a port that is taken and an address of another machine are told apart, each with the address', async () => {
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

test('connections are counted when they are taken and when they have gone, those refused are not', async () => {
  const components = { ...parts(echo), limits: { ...LIMITS, tcpConnectionsPerClient: 2 } };
  await using listener = await TcpListener.open(components, { address: '127.0.0.1', port: 0 });
  const counted = (): number[] => components.metrics.totals.tcpConnections.entries().map(({ count }) => count);
  await using first = await TcpClient.connect(listener.port);
  await using second = await TcpClient.connect(listener.port);
  await using third = await TcpClient.connect(listener.port);
  await third.end();
  assert.deepEqual(counted(), [2, 0]);
  first.socket.end();
  second.socket.destroy();
  await waitUntil('both have gone', PATIENCE_MS, () => counted()[1] === 2);
  assert.deepEqual(counted(), [2, 2]);
});
