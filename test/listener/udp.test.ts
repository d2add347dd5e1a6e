import assert from 'node:assert/strict';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { UdpListener } from '../../src/listener/udp.ts';
import type { Handler } from '../../src/resolver/query.ts';
import { buildQuery } from '../fixtures/messages.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import { drops, echo, HeldHandler, parts, PATIENCE_MS } from './harness.ts';

const LOOPBACK = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .filter(({ address }) => address === '127.0.0.1' || address === '::1');

/** A DNS client over UDP that notes what comes and from where. */
class UdpClient implements AsyncDisposable {
  readonly #socket: Socket;
  readonly replies: { readonly id: number; readonly from: string }[] = [];

  constructor(type: 'udp4' | 'udp6' = 'udp4') {
    this.#socket = createSocket({ type, recvBufferSize: 1 << 20 });
    this.#socket.on('message', (reply: Buffer, { address, port }: RemoteInfo) =>
      this.replies.push({ id: reply.readUInt16BE(0), from: `${address} ${port}` }),
    );
  }

  get port(): number {
    return this.#socket.address().port;
  }

  async send(id: number, port: number, address = '127.0.0.1'): Promise<void> {
    await new Promise<void>((resolve, reject) =>
      this.#socket.send(buildQuery({ id }), port, address, (error) => (error === null ? resolve() : reject(error))),
    );
  }

  async received(count: number): Promise<number[]> {
    await waitUntil(`${count} replies are received`, PATIENCE_MS, () => this.replies.length >= count);
    return this.replies.map(({ id }) => id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await once(this.#socket, 'close');
  }
}

for (const { address, family } of LOOPBACK) {
  test(`queries are taken on ${address}`, async () => {
    const held = new HeldHandler();
    await using listener = await UdpListener.open(parts(held.handle), { address, port: 0 });
    await using client = new UdpClient(family === 'IPv6' ? 'udp6' : 'udp4');
    await client.send(1, listener.port, address);
    await held.begun(1);
    held.answer(0);
    assert.deepEqual(await client.received(1), [1]);
    const [query] = held.queries;
    assert.deepEqual(
      [query?.transport, query?.family, query?.client, query?.clientPort, query?.scan.verdict],
      ['udp', family === 'IPv6' ? 6 : 4, address, client.port, 'ok'],
    );
  });
}

test('a reply comes from the address and port that were asked', async () => {
  await using first = await UdpListener.open(parts(echo), { address: '127.0.0.1', port: 0 });
  const { port } = first;
  await using second = await UdpListener.open(parts(echo), { address: '127.0.0.2', port });
  assert.equal(second.port, port);
  await using client = new UdpClient();
  await client.send(2, port, '127.0.0.2');
  await client.received(1);
  await client.send(1, port, '127.0.0.1');
  await client.received(2);
  assert.deepEqual(client.replies, [
    { id: 2, from: `127.0.0.2 ${port}` },
    { id: 1, from: `127.0.0.1 ${port}` },
  ]);
});

test('a query that is dropped gets nothing, at once or later, and the next is answered', async () => {
  const verdicts: ReturnType<Handler>[] = [0, Promise.resolve(new Uint8Array(0))];
  await using listener = await UdpListener.open(
    parts((query, reply) => verdicts.shift() ?? echo(query, reply)),
    { address: '127.0.0.1', port: 0 },
  );
  await using client = new UdpClient();
  for (const id of [1, 2, 3]) await client.send(id, listener.port);
  assert.deepEqual(await client.received(1), [3]);
});

test('answers are sent when they are there, each to the client that asked', async () => {
  const held = new HeldHandler();
  await using listener = await UdpListener.open(parts(held.handle), { address: '127.0.0.1', port: 0 });
  await using first = new UdpClient();
  await using second = new UdpClient();
  await first.send(1, listener.port);
  await held.begun(1);
  await second.send(2, listener.port);
  await held.begun(2);
  held.answer(1);
  assert.deepEqual(await second.received(1), [2]);
  held.answer(0);
  assert.deepEqual(await first.received(1), [1]);
});

test('a drain answers what is in flight and takes nothing more', async () => {
  const held = new HeldHandler();
  await using listener = await UdpListener.open(parts(held.handle), { address: '127.0.0.1', port: 0 });
  await using client = new UdpClient();
  await client.send(1, listener.port);
  await held.begun(1);
  let drained = false;
  const drain = listener.drain().then(() => (drained = true));
  await client.send(2, listener.port);
  assert.equal(drained, false);
  held.answer(0);
  await drain;
  assert.deepEqual(await client.received(1), [1]);
  assert.equal(held.queries.length, 1);
});

test('an answer that comes after the socket was closed is a counted drop', async () => {
  const held = new HeldHandler();
  const components = parts(held.handle);
  const listener = await UdpListener.open(components, { address: '127.0.0.1', port: 0 });
  await using client = new UdpClient();
  await client.send(1, listener.port);
  await held.begun(1);
  const drain = listener.drain();
  await listener[Symbol.asyncDispose]();
  held.answer(0);
  await drain;
  assert.equal(drops(components.metrics, 'send_failed'), 1);
});

test('a reply that no datagram can hold is a counted drop, and the next is sent', async () => {
  const replies = [new Uint8Array(65_535), new Uint8Array(12)];
  const components = parts(async () => replies.shift() ?? new Uint8Array(0));
  await using listener = await UdpListener.open(components, { address: '127.0.0.1', port: 0 });
  await using client = new UdpClient();
  await client.send(1, listener.port);
  await waitUntil('the drop is counted', PATIENCE_MS, () => drops(components.metrics, 'send_failed') === 1);
  await client.send(2, listener.port);
  await client.received(1);
});

test('of 1,100 answers that come at once, those beyond 1,024 that the kernel has not taken are counted drops', async () => {
  const held = new HeldHandler();
  const components = parts(held.handle);
  await using listener = await UdpListener.open(components, { address: '127.0.0.1', port: 0 });
  await using client = new UdpClient();
  // In portions that a receive buffer of any size holds.
  for (let count = 0; count < 1100; count += 100) {
    for (let id = count; id < count + 100; id++) await client.send(id, listener.port);
    await held.begun(count + 100);
  }
  for (const index of held.queries.keys()) held.answer(index);
  await waitUntil('drops are counted', PATIENCE_MS, () => drops(components.metrics, 'send_failed') > 0);
  assert.equal(drops(components.metrics, 'send_failed'), 1100 - 1024);
});

test('a port that is taken and an address of another machine are told apart, each with the address', async () => {
  await using listener = await UdpListener.open(parts(echo), { address: '127.0.0.1', port: 0 });
  const { port } = listener;
  await assert.rejects(UdpListener.open(parts(echo), { address: '127.0.0.1', port }), {
    code: 'ERR_LISTEN_IN_USE',
    message: new RegExp(`^UDP 127\\.0\\.0\\.1:${port}: `),
  });
  await assert.rejects(UdpListener.open(parts(echo), { address: '192.0.2.1', port }), {
    code: 'ERR_LISTEN_ADDRESS',
    message: new RegExp(`^UDP 192\\.0\\.2\\.1:${port}: `),
  });
});
