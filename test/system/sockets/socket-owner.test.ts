import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { SocketOwners } from '../../../src/system/sockets/socket-owner.ts';
import { asOtherUser, OTHER_USER } from '../../fixtures/process/other-user.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';

/** Far above the time that loopback takes; only a failing test reaches it. */
const PATIENCE_MS = 5000;
const OWN_USER = process.getuid?.();

interface UdpSpec {
  readonly family: 'udp4' | 'udp6';
  /** @default all addresses */
  readonly bind?: string;
  /** @default a free port */
  readonly port?: number;
  /** Address to connect to. @default none */
  readonly to?: string;
  /** Whether it shares its port (SO_REUSEPORT). @default false */
  readonly reuse?: boolean;
}

interface OpenSocket extends AsyncDisposable {
  readonly port: number;
}

async function openUdp({ family, bind, port = 0, to, reuse = false }: UdpSpec): Promise<OpenSocket> {
  const socket = createSocket({ type: family, reuseAddr: reuse });
  const bound = once(socket, 'listening');
  socket.bind({ port, ...(bind === undefined ? {} : { address: bind }) });
  await bound;
  if (to !== undefined) {
    const connected = once(socket, 'connect');
    socket.connect(9, to);
    await connected;
  }
  return {
    port: socket.address().port,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => socket.close(() => resolve()));
    },
  };
}

interface Connection extends AsyncDisposable {
  readonly client: Socket;
  readonly accepted: Socket;
}

/** Opens a TCP connection to an address, and returns both ends. */
async function openTcp(address: string): Promise<Connection> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, address);
  await once(server, 'listening');
  const client = connect({ port: (server.address() as AddressInfo).port, host: address, allowHalfOpen: true });
  const [accepted] = (await once(server, 'connection')) as [Socket];
  return {
    client,
    accepted,
    async [Symbol.asyncDispose]() {
      client.destroy();
      accepted.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

for (const [what, address, spec] of [
  ['connected (IPv4)', '127.0.0.1', { family: 'udp4', to: '127.0.0.1' }],
  ['connected (IPv6)', '::1', { family: 'udp6', to: '::1' }],
  ['bound to its address (IPv4)', '127.9.8.7', { family: 'udp4', bind: '127.9.8.7' }],
  ['bound to its address (IPv6)', '::1', { family: 'udp6', bind: '::1' }],
  ['bound to all addresses (IPv4)', '127.0.0.1', { family: 'udp4' }],
  ['bound to all addresses (IPv6)', '::1', { family: 'udp6' }],
  ['for both families, bound to all addresses', '127.0.0.1', { family: 'udp6' }],
  ['for both families, connected over IPv4', '127.0.0.1', { family: 'udp6', to: '::ffff:127.0.0.1' }],
] as const) {
  test(`the owner of a UDP socket is found: ${what}`, async () => {
    const owners = new SocketOwners();
    await using own = await openUdp(spec);
    assert.equal(await owners.find('udp', address, own.port), OWN_USER);
    await using other = await asOtherUser(() => openUdp(spec));
    assert.equal(await owners.find('udp', address, other.port), OTHER_USER);
  });
}

test('a UDP socket on another address, a TCP look-up and a closed socket find no owner', async () => {
  const owners = new SocketOwners();
  const socket = await openUdp({ family: 'udp4', bind: '127.0.0.2' });
  assert.equal(await owners.find('udp', '127.0.0.1', socket.port), undefined);
  assert.equal(await owners.find('udp', '::1', socket.port), undefined);
  assert.equal(await owners.find('tcp', '127.0.0.2', socket.port), undefined);
  assert.equal(await owners.find('udp', '127.0.0.2', socket.port), OWN_USER);
  await socket[Symbol.asyncDispose]();
  assert.equal(await owners.find('udp', '127.0.0.2', socket.port), undefined);
});

test('if sockets of two users match, no owner is returned', async () => {
  const owners = new SocketOwners();
  const shared: UdpSpec = { family: 'udp4', bind: '127.0.0.1', reuse: true };
  await using own = await openUdp(shared);
  assert.equal(await owners.find('udp', '127.0.0.1', own.port), OWN_USER);
  await using other = await asOtherUser(() => openUdp({ ...shared, port: own.port }));
  assert.equal(await owners.find('udp', '127.0.0.1', other.port), undefined);
});

for (const [family, address] of [
  ['IPv4', '127.0.0.1'],
  ['IPv6', '::1'],
] as const) {
  test(`the owner of a TCP connection is found (${family})`, async () => {
    const owners = new SocketOwners();
    await using own = await openTcp(address);
    assert.equal(await owners.find('tcp', address, own.client.localPort ?? 0), OWN_USER);
    await using other = await asOtherUser(() => openTcp(address));
    assert.equal(await owners.find('tcp', address, other.client.localPort ?? 0), OTHER_USER);
  });

  test(`RFC 7766 §6.2.4: a half-closed TCP client still has its owner, and a closed one has none (${family})`, async () => {
    const owners = new SocketOwners();
    await using connection = await asOtherUser(() => openTcp(address));
    const { client, accepted } = connection;
    const { localPort = 0 } = client;
    client.end();
    accepted.resume();
    await once(accepted, 'end');
    assert.equal(await owners.find('tcp', address, localPort), OTHER_USER);
    // The kernel keeps the socket in TIME-WAIT, and shows root as its user.
    accepted.end();
    client.resume();
    await once(client, 'close');
    const isGone = async (): Promise<boolean> => (await owners.find('tcp', address, localPort)) === undefined;
    await waitUntil('the connection has no owner', PATIENCE_MS, isGone);
  });
}

test('a hundred look-ups at a time find every socket, including those just opened', async () => {
  const owners = new SocketOwners();
  await using stack = new AsyncDisposableStack();
  const found: Promise<number | undefined>[] = [];
  for (let i = 0; i < 100; i++) {
    const socket = stack.use(await openUdp({ family: 'udp4' }));
    found.push(owners.find('udp', '127.0.0.1', socket.port));
  }
  assert.deepEqual(new Set(await Promise.all(found)), new Set([OWN_USER]));
});

test('socket tables are available on Linux', async () => {
  assert.equal(await new SocketOwners().available(undefined), true);
});

test('a descriptor that is not a socket of this network namespace is not available', async () => {
  const owners = new SocketOwners();
  await using file = await open('/dev/null');
  assert.equal(await owners.available(file.fd), false);
  assert.equal(await owners.available(1_000_000), false);
});
