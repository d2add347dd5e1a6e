import assert from 'node:assert/strict';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { suite, test } from 'node:test';
import { loadLinuxSockets } from '../../../src/listener/udp/linux-sockets.ts';
import { SocketAddressCodec } from '../../../src/listener/udp/socket-address.ts';
import { UdpListener } from '../../../src/listener/udp/udp-listener.ts';
import type { Handler } from '../../../src/model/query.ts';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { drops, echo, HeldHandler, PATIENCE_MS, type Parts, parts } from '../harness.ts';

const LOOPBACK = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .filter(({ address }) => address === '127.0.0.1' || address === '::1');

/** A DNS client over UDP that records replies and their senders. */
class UdpClient implements AsyncDisposable {
  readonly #socket: Socket;
  readonly replies: { readonly id: number; readonly from: string }[] = [];

  /** @param from an address of this machine; chosen by the system if absent */
  constructor(type: 'udp4' | 'udp6' = 'udp4', from?: string) {
    this.#socket = createSocket({ type, recvBufferSize: 1 << 20 });
    if (from !== undefined) this.#socket.bind(0, from);
    this.#socket.on('message', (reply: Buffer, { address, port }: RemoteInfo) =>
      this.replies.push({ id: reply.readUInt16BE(0), from: `${address} ${port}` }),
    );
  }

  get port(): number {
    return this.#socket.address().port;
  }

  send(id: number, port: number, address = '127.0.0.1'): Promise<void> {
    return this.sendBytes(buildQuery({ id }), port, address);
  }

  async sendBytes(bytes: Uint8Array, port: number, address = '127.0.0.1'): Promise<void> {
    await new Promise<void>((resolve, reject) =>
      this.#socket.send(bytes, port, address, (error) => (error === null ? resolve() : reject(error))),
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

const SOCKETS = await loadLinuxSockets();

/** The components for each kind of UDP I/O (`--udp-io`). */
const UDP_IOS: Readonly<Record<string, (handler: Handler) => Parts>> = {
  dgram: parts,
  batch: (handler) => ({ ...parts(handler), sockets: SOCKETS }),
};

for (const [udpIo, partsOf] of Object.entries(UDP_IOS)) void suite(udpIo, () => describeListener(partsOf));

function describeListener(partsOf: (handler: Handler) => Parts): void {
  for (const { address, family } of LOOPBACK) {
    test(`a listener answers queries on ${address}`, async () => {
      const held = new HeldHandler();
      await using listener = await UdpListener.open(partsOf(held.handle), { address, port: 0 });
      await using client = new UdpClient(family === 'IPv6' ? 'udp6' : 'udp4');
      await client.send(1, listener.port, address);
      await held.begun(1);
      held.answer(0);
      assert.deepEqual(await client.received(1), [1]);
      const [query] = held.queries;
      assert.deepEqual(
        [query?.transport, query?.family, query?.client, query?.clientPort, query?.server, query?.scan.verdict],
        ['udp', family === 'IPv6' ? 6 : 4, address, client.port, address, 'ok'],
      );
    });
  }

  test('a reply comes from the address and port that were queried', async () => {
    await using first = await UdpListener.open(partsOf(echo), { address: '127.0.0.1', port: 0 });
    const { port } = first;
    await using second = await UdpListener.open(partsOf(echo), { address: '127.0.0.2', port });
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

  test('a query dropped at once or later gets no reply, and the next is answered', async () => {
    const verdicts: ReturnType<Handler>[] = [0, Promise.resolve(new Uint8Array(0))];
    await using listener = await UdpListener.open(
      partsOf((query, reply) => verdicts.shift() ?? echo(query, reply)),
      { address: '127.0.0.1', port: 0 },
    );
    await using client = new UdpClient();
    for (const id of [1, 2, 3]) await client.send(id, listener.port);
    assert.deepEqual(await client.received(1), [3]);
  });

  test('answers are sent in the order in which they arrive, each to its client', async () => {
    const held = new HeldHandler();
    await using listener = await UdpListener.open(partsOf(held.handle), { address: '127.0.0.1', port: 0 });
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

  test('a drain answers queries in flight and accepts no more', async () => {
    const held = new HeldHandler();
    await using listener = await UdpListener.open(partsOf(held.handle), { address: '127.0.0.1', port: 0 });
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

  test('an answer after the socket was closed is dropped and counted', async () => {
    const held = new HeldHandler();
    const components = partsOf(held.handle);
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

  test('a reply too large for a datagram is dropped and counted, and the next is sent', async () => {
    const replies = [new Uint8Array(65_535), new Uint8Array(12)];
    const components = partsOf(async () => replies.shift() ?? new Uint8Array(0));
    await using listener = await UdpListener.open(components, { address: '127.0.0.1', port: 0 });
    await using client = new UdpClient();
    await client.send(1, listener.port);
    await waitUntil('the drop is counted', PATIENCE_MS, () => drops(components.metrics, 'send_failed') === 1);
    await client.send(2, listener.port);
    await client.received(1);
  });

  test('errors tell a busy port from a foreign address, and name the address', async () => {
    await using listener = await UdpListener.open(partsOf(echo), { address: '127.0.0.1', port: 0 });
    const { port } = listener;
    await assert.rejects(UdpListener.open(partsOf(echo), { address: '127.0.0.1', port }), {
      code: 'ERR_LISTEN_IN_USE',
      message: new RegExp(`^UDP 127\\.0\\.0\\.1:${port}: `),
    });
    await assert.rejects(UdpListener.open(partsOf(echo), { address: '192.0.2.1', port }), {
      code: 'ERR_LISTEN_ADDRESS',
      message: new RegExp(`^UDP 192\\.0\\.2\\.1:${port}: `),
    });
  });

  test('of many simultaneous queries, each gets its own fate: answered at once, later, or dropped', async () => {
    const held = new HeldHandler();
    const components = partsOf((query, reply) => {
      const kind = (query.wire[1] as number) % 3;
      return kind === 0 ? echo(query, reply) : kind === 1 ? held.handle(query, reply) : 0;
    });
    await using listener = await UdpListener.open(components, { address: '127.0.0.1', port: 0 });
    const clients = Array.from({ length: 5 }, () => new UdpClient());
    await using stack = new AsyncDisposableStack();
    for (const client of clients) stack.use(client);
    // The ID identifies the client.
    const sent = clients.flatMap((client, index) =>
      Array.from({ length: 30 }, (_, i) => ({ client, id: index * 256 + i })),
    );
    for (const { client, id } of sent.toSorted((a, b) => (a.id & 0xff) - (b.id & 0xff)))
      await client.send(id, listener.port);
    await held.begun(50);
    for (const index of held.queries.keys()) held.answer(index);
    for (const [index, client] of clients.entries()) {
      const expected = Array.from({ length: 30 }, (_, i) => index * 256 + i).filter((id) => (id & 0xff) % 3 < 2);
      assert.deepEqual(
        (await client.received(20)).toSorted((a, b) => a - b),
        expected,
      );
    }
  });

  test('a query may have the maximum size of a datagram', async () => {
    const sizes: number[] = [];
    const components = partsOf(({ wire }) => {
      sizes.push(wire.length);
      return 0;
    });
    await using listener = await UdpListener.open(components, { address: '127.0.0.1', port: 0 });
    await using client = new UdpClient();
    const expected = [12, 65_507, 1000, 65_507, 12];
    for (const bytes of expected) await client.sendBytes(new Uint8Array(bytes), listener.port);
    await waitUntil('all are taken', PATIENCE_MS, () => sizes.length === expected.length);
    assert.deepEqual(sizes, expected);
  });

  test('a client that is not allowed gets no reply, and the next client is judged separately', async () => {
    const components = { ...partsOf(echo), isAllowed: (address: string) => address === '127.0.0.2' };
    await using listener = await UdpListener.open(components, { address: '127.0.0.1', port: 0 });
    await using stranger = new UdpClient();
    await using friend = new UdpClient('udp4', '127.0.0.2');
    for (let i = 0; i < 10; i++) {
      await stranger.send(i, listener.port);
      await friend.send(i, listener.port);
    }
    await friend.received(10);
    assert.equal(stranger.replies.length, 0);
    assert.equal(drops(components.metrics, 'not_allowed'), 10);
  });

  test('a bound socket of either family is taken over', async () => {
    for (const { address, family } of LOOPBACK) {
      const isIPv6 = family === 'IPv6';
      const descriptor = SOCKETS.openUdp(new SocketAddressCodec(SOCKETS, isIPv6 ? 6 : 4).create(address, 0), 1 << 16);
      await using listener = await UdpListener.adopt(partsOf(echo), descriptor, address);
      assert.equal(listener.address, address);
      await using client = new UdpClient(isIPv6 ? 'udp6' : 'udp4');
      for (let id = 0; id < 3; id++) await client.send(id, listener.port, address);
      assert.deepEqual(await client.received(3), [0, 1, 2]);
    }
  });

  test('no other socket can bind the address, not even with SO_REUSEADDR', async () => {
    await using listener = await UdpListener.open(partsOf(echo), { address: '127.0.0.1', port: 0 });
    const thief = createSocket({ type: 'udp4', reuseAddr: true });
    const failed = once(thief, 'error');
    thief.bind(listener.port, '127.0.0.1');
    assert.equal((await failed)[0].code, 'EADDRINUSE');
    thief.close();
  });
}

test('with dgram, of 1,100 simultaneous answers, those beyond 1,024 unsent ones are dropped and counted', async () => {
  const held = new HeldHandler();
  const components = parts(held.handle);
  await using listener = await UdpListener.open(components, { address: '127.0.0.1', port: 0 });
  await using client = new UdpClient();
  // In portions that fit a receive buffer of any size.
  for (let count = 0; count < 1100; count += 100) {
    for (let id = count; id < count + 100; id++) await client.send(id, listener.port);
    await held.begun(count + 100);
  }
  for (const index of held.queries.keys()) held.answer(index);
  await waitUntil('drops are counted', PATIENCE_MS, () => drops(components.metrics, 'send_failed') > 0);
  assert.equal(drops(components.metrics, 'send_failed'), 1100 - 1024);
});
