import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { constants } from 'node:os';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { type LinuxSockets, loadLinuxSockets } from '../../../src/listener/udp/linux-sockets.ts';
import { UdpListener } from '../../../src/listener/udp/udp-listener.ts';
import { createPipeline } from '../../../src/resolver/pipeline.ts';
import { RetryBudget } from '../../../src/upstream/pool/retry-budget.ts';
import { createCache, dataAnswer } from '../../cache/cache-rig.ts';
import { addressRecord, ask, buildQuery, buildResponse, decodeReply } from '../../fixtures/dns/messages.ts';
import { UdpClient } from '../../fixtures/dns/udp-client.ts';
import { PLAIN_POLICY } from '../../fixtures/policies.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { LIMITS, UpstreamDouble } from '../../resolver/harness.ts';
import { drops, echo, HeldHandler, PATIENCE_MS, parts } from '../harness.ts';

const SOCKETS = await loadLinuxSockets();
const NAME = 'a.example.com';

function addressIn(reply: Uint8Array): unknown {
  const [record] = decodeReply(reply).answers ?? [];
  return record !== undefined && 'data' in record ? record.data : undefined;
}

/** An address for each answer, told apart by the last octet. */
const addressOf = (count: number): string => `192.0.2.${count}`;

/** The smallest cache with room for one entry, and therefore not for two. */
function createCacheForOne(): ReturnType<typeof createCache> {
  for (let maxBytes = 64; ; maxBytes += 64) {
    const created = createCache(maxBytes);
    created.cache.insert(ask({ name: NAME }), dataAnswer(NAME));
    if (created.cache.lookup(ask({ name: NAME })) !== undefined) return created;
  }
}

for (const [fate, other] of [
  ['refreshed', NAME],
  ['evicted', 'b.example.com'],
] as const) {
  test(`queued replies do not change if their cache entry is ${fate} before they are sent`, async () => {
    const { cache, clock } = createCacheForOne();
    const components = parts(() => 0);
    const upstream = new UpstreamDouble(async () =>
      buildResponse({ name: NAME, answers: [addressRecord(NAME, 300, addressOf(255))] }),
    );
    const pipeline = createPipeline(
      {
        cache,
        upstream,
        clock,
        metrics: components.metrics,
        policy: () => PLAIN_POLICY,
        budget: new RetryBudget(),
      },
      LIMITS,
    );
    let handled = 0;
    cache.insert(ask({ name: NAME }), dataAnswer(NAME, 300, addressOf(0)));
    await using listener = await UdpListener.open(
      {
        ...components,
        sockets: SOCKETS,
        handler(query, reply) {
          const result = pipeline(query, reply);
          handled++;
          cache.insert(ask({ name: other }), dataAnswer(other, 300, addressOf(handled)));
          return result;
        },
      },
      { address: '127.0.0.1', port: 0 },
    );
    await using client = await UdpClient.open(listener.port);
    const replies = await Promise.all(Array.from({ length: 40 }, () => client.ask({ name: NAME })));
    const expected = Array.from({ length: 40 }, (_, i) =>
      fate === 'refreshed' ? addressOf(i) : addressOf(i === 0 ? 0 : 255),
    );
    assert.deepEqual(replies.map(addressIn), expected);
  });
}

for (const [closes, which] of [
  [1, 'the first query'],
  [2, 'a later one'],
] as const) {
  test(`closing a listener while ${which} of a batch is handled leaves its descriptor alone`, async () => {
    let handled = 0;
    let closing: Promise<void> | undefined;
    let calls = 0;
    const count = (result: number): number => {
      if (closing !== undefined) calls++;
      return result;
    };
    const sockets: LinuxSockets = {
      ...SOCKETS,
      receive: (descriptor, headers, most) => count(SOCKETS.receive(descriptor, headers, most)),
      send: (descriptor, headers, most) => count(SOCKETS.send(descriptor, headers, most)),
    };
    const components = parts((query, reply) => {
      if (++handled === closes) closing = listener[Symbol.asyncDispose]();
      return echo(query, reply);
    });
    const listener = await UdpListener.open({ ...components, sockets }, { address: '127.0.0.1', port: 0 });
    const client = createSocket('udp4');
    // Sent in one turn of the event loop, so that all have arrived by the next.
    for (let id = 0; id < 3; id++) client.send(buildQuery({ id }), listener.port, '127.0.0.1');
    await waitUntil('it is closed', PATIENCE_MS, () => closing !== undefined);
    await closing;
    assert.equal(calls, 0);
    client.close();
  });
}

/** The kernel, without room to send until the test grants it. */
class FullKernel {
  hasRoom = false;
  readonly sockets: LinuxSockets = {
    ...SOCKETS,
    send: (descriptor, headers, count) => (this.hasRoom ? SOCKETS.send(descriptor, headers, count) : -1),
    lastError: () => (this.hasRoom ? SOCKETS.lastError() : constants.errno.EAGAIN),
  };
}

test('replies without room in the kernel are sent later in order, and new ones after them', async () => {
  const kernel = new FullKernel();
  const held = new HeldHandler();
  const components = parts((query, reply) => (query.wire[1] === 9 ? held.handle(query, reply) : echo(query, reply)));
  await using listener = await UdpListener.open(
    { ...components, sockets: kernel.sockets },
    { address: '127.0.0.1', port: 0 },
  );
  const client = createSocket('udp4');
  const received: number[] = [];
  client.on('message', (reply) => received.push(reply.readUInt16BE(0)));
  for (const id of [9, 1, 2, 3]) client.send(buildQuery({ id }), listener.port, '127.0.0.1');
  await held.begun(1);
  held.answer(0);
  await setImmediate();
  assert.deepEqual(received, []);
  kernel.hasRoom = true;
  await waitUntil('all are sent', PATIENCE_MS, () => received.length === 4);
  assert.deepEqual(received, [1, 2, 3, 9]);
  assert.equal(drops(components.metrics, 'send_failed'), 0);
  client.close();
});

test('of 1,100 replies without room in the kernel, those beyond 1,024 are dropped and counted', async () => {
  const kernel = new FullKernel();
  const held = new HeldHandler();
  const components = parts(held.handle);
  await using listener = await UdpListener.open(
    { ...components, sockets: kernel.sockets },
    { address: '127.0.0.1', port: 0 },
  );
  await using client = await UdpClient.open(listener.port);
  // In portions that fit a receive buffer of any size.
  for (let count = 0; count < 1100; count += 100) {
    for (let i = 0; i < 100; i++) void client.ask({ name: NAME });
    await held.begun(count + 100);
  }
  for (const index of held.queries.keys()) held.answer(index);
  await waitUntil('drops are counted', PATIENCE_MS, () => drops(components.metrics, 'send_failed') > 0);
  assert.equal(drops(components.metrics, 'send_failed'), 1100 - 1024);
});

test('a batch is counted once, with its number of datagrams', async () => {
  const components = parts(echo);
  await using listener = await UdpListener.open({ ...components, sockets: SOCKETS }, { address: '127.0.0.1', port: 0 });
  const client = createSocket('udp4');
  // Sent in one turn of the event loop, so that all have arrived by the next.
  for (let id = 0; id < 10; id++) client.send(buildQuery({ id }), listener.port, '127.0.0.1');
  const { udpBatches } = components.metrics.totals;
  await waitUntil('all are taken', PATIENCE_MS, () => udpBatches.sum === 10);
  const batches = udpBatches.cumulative().at(-1) ?? 0;
  assert.ok(batches < 10, `${batches} batches`);
  client.close();
});
