import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import koffi from 'koffi';
import { DatagramBatch } from '../../../src/listener/udp/datagram-batch.ts';
import { loadLinuxSockets } from '../../../src/listener/udp/linux-sockets.ts';
import { SocketAddressCodec } from '../../../src/listener/udp/socket-address.ts';
import { reservePort } from '../../fixtures/process/reserve-port.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { PATIENCE_MS } from '../harness.ts';

const SOCKETS = await loadLinuxSockets();
const LOOPBACK = new SocketAddressCodec(SOCKETS, 4).create('127.0.0.1', 0);

/** A machine without IPv6 has no ::1. */
const LOCAL_ADDRESSES = new Set(
  Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address)),
);

/** The flags of an open descriptor, as open(2) numbers them. */
async function flagsOf(descriptor: number): Promise<number> {
  const info = await readFile(`/proc/self/fdinfo/${descriptor}`, 'utf8');
  return parseInt(/^flags:\s*(\d+)$/m.exec(info)?.[1] ?? '', 8);
}

test('a socket is non-blocking and close-on-exec', async () => {
  const descriptor = SOCKETS.openUdp(LOOPBACK, 1 << 16);
  const flags = await flagsOf(descriptor);
  SOCKETS.close(descriptor);
  const closeOnExec = 0o2000000;
  assert.equal(flags & constants.O_NONBLOCK, constants.O_NONBLOCK);
  assert.equal(flags & closeOnExec, closeOnExec);
});

test('a socket has the requested receive buffer, which Linux doubles for its own needs', async () => {
  const descriptor = SOCKETS.openUdp(LOOPBACK, 100_000);
  const socket = createSocket('udp4');
  socket.bind({ fd: descriptor });
  assert.equal(socket.getRecvBufferSize(), 200_000);
  socket.close();
  await once(socket, 'close');
});

test('datagrams are never sent in fragments', () => {
  const getsockopt: (
    descriptor: number,
    level: number,
    option: number,
    value: Int32Array,
    bytes: Int32Array,
  ) => number = koffi.load(null).func('int getsockopt(int, int, int, void *, void *)');
  // IP_PMTUDISC_PROBE sets DF, and forged ICMP messages cannot change that (ip(7)).
  const probe = 3;
  for (const [address, family, level, option] of [
    ['127.0.0.1', 4, 0, 10],
    ['::1', 6, 41, 23],
  ] as const) {
    if (!LOCAL_ADDRESSES.has(address)) continue;
    const descriptor = SOCKETS.openUdp(new SocketAddressCodec(SOCKETS, family).create(address, 0), 1 << 16);
    const value = Int32Array.of(0);
    getsockopt(descriptor, level, option, value, Int32Array.of(4));
    SOCKETS.close(descriptor);
    assert.equal(value[0], probe);
  }
});

test('a socket has a family and a bound address, and a descriptor that is not a UDP socket is refused', async () => {
  const descriptor = SOCKETS.openUdp(LOOPBACK, 1 << 16);
  const addresses = new SocketAddressCodec(SOCKETS, SOCKETS.familyOf(descriptor));
  const bound = SOCKETS.boundTo(descriptor, addresses.bytes);
  assert.equal(addresses.text(bound), '127.0.0.1');
  assert.ok(addresses.port(bound) > 0);
  SOCKETS.close(descriptor);
  assert.throws(() => SOCKETS.familyOf(descriptor), { code: 'EPROTONOSUPPORT' });
  assert.throws(() => SOCKETS.boundTo(descriptor, 16), { code: 'EBADF' });
});

test('a socket is still watched after an error', async () => {
  const connect: (descriptor: number, address: Uint8Array, bytes: number) => number = koffi
    .load(null)
    .func('int connect(int, const void *, unsigned int)');
  const addresses = new SocketAddressCodec(SOCKETS, 4);
  await using gone = await reservePort();
  const descriptor = SOCKETS.openUdp(LOOPBACK, 1 << 16);
  // Only a connected socket gets ICMP errors by default.
  assert.equal(connect(descriptor, addresses.create('127.0.0.1', gone.port), addresses.bytes), 0);
  const { port } = gone;
  const batch = new DatagramBatch(SOCKETS, descriptor, addresses, { onBusy: () => {}, onFailed: () => {} });
  const taken: number[] = [];
  const watch = SOCKETS.watch(descriptor, () => taken.push(batch.receive()));
  batch.replyTo('127.0.0.1', port, 12);
  await gone.release();
  batch.flush();
  await waitUntil('the error is read', PATIENCE_MS, () => taken.length === 1);
  const peer = createSocket('udp4');
  peer.bind(port, '127.0.0.1');
  await once(peer, 'listening');
  peer.send('one', addresses.port(SOCKETS.boundTo(descriptor, addresses.bytes)), '127.0.0.1');
  await waitUntil('a datagram is taken', PATIENCE_MS, () => taken.includes(1));
  watch.close();
  SOCKETS.close(descriptor);
  peer.close();
});

test('a failed bind names the errno and leaves no descriptor open', async () => {
  const before = SOCKETS.openUdp(LOOPBACK, 1 << 16);
  SOCKETS.close(before);
  const foreign = new SocketAddressCodec(SOCKETS, 4).create('192.0.2.1', 0);
  assert.throws(() => SOCKETS.openUdp(foreign, 1 << 16), {
    code: 'EADDRNOTAVAIL',
    message: 'bind: EADDRNOTAVAIL',
  });
  const strange = LOOPBACK.slice();
  strange[1] = 0x7f;
  assert.throws(() => SOCKETS.openUdp(strange, 1 << 16), { code: 'EAFNOSUPPORT', message: 'socket: EAFNOSUPPORT' });
  // The kernel assigns the lowest free descriptor.
  const after = SOCKETS.openUdp(LOOPBACK, 1 << 16);
  SOCKETS.close(after);
  assert.equal(after, before);
});
