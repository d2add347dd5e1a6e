import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BATCH_DATAGRAMS, DatagramBatch } from '../../../src/listener/udp/datagram-batch.ts';
import { loadLinuxSockets } from '../../../src/listener/udp/linux-sockets.ts';
import { SocketAddressCodec } from '../../../src/listener/udp/socket-address.ts';
import { type Datagram, KernelDouble } from '../kernel-double.ts';

/** Arbitrary, because the kernel is a double. */
const DESCRIPTOR = 3;

const SOCKETS = await loadLinuxSockets();

interface Rig {
  readonly kernel: KernelDouble;
  readonly batch: DatagramBatch;
  readonly addresses: SocketAddressCodec;
  /** Replies that could not be sent: those handed back, as `address port bytes`, and failures. */
  readonly unsent: string[];
}

function createRig(family: 4 | 6 = 4): Rig {
  const kernel = new KernelDouble();
  const addresses = new SocketAddressCodec(SOCKETS, family);
  const unsent: string[] = [];
  const batch = new DatagramBatch(kernel, DESCRIPTOR, addresses, {
    onBusy: (reply, client, port) => void unsent.push(`${client} ${port} ${Buffer.from(reply).toString()}`),
    onFailed: () => void unsent.push('failed'),
  });
  return { kernel, batch, addresses, unsent };
}

function datagram({ addresses }: Rig, port: number, text: string, client = '192.0.2.1'): Datagram {
  return { name: addresses.create(client, port), octets: Buffer.from(text) };
}

/** Receives the waiting datagrams, queues each as its own reply, and returns their texts. */
function echoAll({ batch }: Rig): string[] {
  return Array.from({ length: batch.receive() }, (_, i) => {
    const wire = batch.wire(i);
    batch.replySpace.set(wire);
    batch.reply(i, wire.length);
    return Buffer.from(wire).toString();
  });
}

function textsOf(datagrams: readonly Datagram[]): string[] {
  return datagrams.map(({ octets }) => Buffer.from(octets).toString());
}

for (const [family, client] of [
  [4, '192.0.2.1'],
  [6, '2001:db8::1'],
] as const) {
  test(`waiting datagrams are received together, and each reply goes to its sender, over IPv${family}`, () => {
    const rig = createRig(family);
    const { kernel, batch, addresses } = rig;
    kernel.waiting.push(datagram(rig, 1001, 'one', client), datagram(rig, 1002, 'second', client));
    assert.equal(batch.receive(), 2);
    assert.deepEqual([batch.client(0), batch.clientPort(0), batch.clientPort(1)], [client, 1001, 1002]);
    for (const index of [1, 0]) {
      batch.replySpace.set(Buffer.from(`reply ${index}`));
      batch.reply(index, 7);
    }
    batch.replySpace.set(Buffer.from('other'));
    assert.ok(batch.replyTo(client, 1003, 5));
    batch.flush();
    assert.deepEqual(kernel.asked, [3]);
    assert.deepEqual(textsOf(kernel.sent), ['reply 1', 'reply 0', 'other']);
    assert.deepEqual(
      kernel.sent.map(({ name }) => [addresses.text(name), addresses.port(name)]),
      [
        [client, 1002],
        [client, 1001],
        [client, 1003],
      ],
    );
  });
}

test('a datagram shows nothing of a longer one that was in its slot before', () => {
  const rig = createRig();
  rig.kernel.waiting.push(datagram(rig, 1, 'a long datagram'));
  assert.deepEqual(echoAll(rig), ['a long datagram']);
  rig.batch.flush();
  rig.kernel.waiting.push(datagram(rig, 1, 'short'), datagram(rig, 1, ''));
  assert.deepEqual(echoAll(rig), ['short', '']);
});

test('a datagram of maximum size is received whole', () => {
  const rig = createRig();
  const octets = new Uint8Array(65_507).fill(7);
  rig.kernel.waiting.push({ name: rig.addresses.create('192.0.2.1', 1), octets });
  assert.equal(rig.batch.receive(), 1);
  assert.deepEqual(rig.batch.wire(0), octets);
});

test('without waiting datagrams, nothing is received or sent', () => {
  const rig = createRig();
  assert.equal(rig.batch.receive(), 0);
  rig.batch.flush();
  assert.deepEqual(rig.kernel.asked, []);
});

test('after a partial send, the rest is sent', () => {
  const rig = createRig();
  for (const text of ['a', 'b', 'c', 'd', 'e']) rig.kernel.waiting.push(datagram(rig, 1, text));
  echoAll(rig);
  rig.kernel.outcomes.push(2, 'EINTR', 1);
  rig.batch.flush();
  assert.deepEqual(rig.kernel.asked, [5, 3, 3, 2]);
  assert.deepEqual(textsOf(rig.kernel.sent), ['a', 'b', 'c', 'd', 'e']);
  assert.deepEqual(rig.unsent, []);
});

test('a reply that the kernel refuses is reported as failed, and the ones after it are sent', () => {
  for (const error of ['ENOBUFS', 'EPERM', 'ENETUNREACH'] as const) {
    const rig = createRig();
    for (const text of ['a', 'b', 'c']) rig.kernel.waiting.push(datagram(rig, 1, text));
    echoAll(rig);
    rig.kernel.outcomes.push(1, error);
    rig.batch.flush();
    assert.deepEqual(textsOf(rig.kernel.sent), ['a', 'c'], error);
    assert.deepEqual(rig.unsent, ['failed'], error);
  }
});

test('replies without room in the kernel are handed back with their clients and removed from the batch', () => {
  const rig = createRig();
  for (const [port, text] of ['a', 'b', 'c'].entries()) rig.kernel.waiting.push(datagram(rig, port + 1, text));
  echoAll(rig);
  rig.kernel.outcomes.push(1, 'EAGAIN');
  rig.batch.flush();
  assert.deepEqual(textsOf(rig.kernel.sent), ['a']);
  assert.deepEqual(rig.unsent, ['192.0.2.1 2 b', '192.0.2.1 3 c']);
  rig.batch.flush();
  assert.deepEqual(rig.kernel.asked, [3, 2]);
});

test('a full batch can be answered, and further datagrams come with the next', () => {
  const rig = createRig();
  for (let i = 0; i < BATCH_DATAGRAMS + 1; i++) rig.kernel.waiting.push(datagram(rig, i + 1, String(i)));
  assert.equal(echoAll(rig).length, BATCH_DATAGRAMS);
  rig.batch.flush();
  assert.equal(echoAll(rig).length, 1);
  rig.batch.flush();
  assert.deepEqual(
    rig.kernel.sent.map(({ name }) => rig.addresses.port(name)),
    Array.from({ length: BATCH_DATAGRAMS + 1 }, (_, i) => i + 1),
  );
});

test('numbers from the kernel are limited to the memory that they refer to', () => {
  const rig = createRig();
  const { kernel, batch } = rig;
  kernel.waiting.push(
    { ...datagram(rig, 1, 'a'), claimedBytes: 1_000_000 },
    { ...datagram(rig, 2, 'b'), nameBytes: 8 },
  );
  kernel.excess = 1_000_000;
  assert.equal(batch.receive(), BATCH_DATAGRAMS);
  assert.equal(batch.wire(0).length, 65_535);
  // A sender whose address is incomplete cannot be answered.
  assert.deepEqual([batch.clientPort(0), batch.clientPort(1)], [1, 0]);
  kernel.excess = 0;
  kernel.waiting.push(datagram(rig, 3, 'c'), datagram(rig, 4, 'd'));
  assert.equal(batch.receive(), 2);
  assert.equal(batch.clientPort(1), 4);
});

test('no reply is longer than its slot, even if its handler says so', () => {
  const rig = createRig();
  rig.kernel.waiting.push(datagram(rig, 1, 'a'));
  rig.batch.receive();
  rig.batch.reply(0, 1_000_000);
  rig.batch.flush();
  assert.deepEqual(
    rig.kernel.sent.map(({ octets }) => octets.length),
    [rig.batch.replySpace.length],
  );
});
