import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { test } from 'node:test';
import { type LinuxSockets, loadLinuxSockets } from '../../src/listener/linux-sockets.ts';
import { UdpListener } from '../../src/listener/udp.ts';
import { createPipeline } from '../../src/resolver/pipeline.ts';
import { ExtraBudget } from '../../src/upstream/extra-budget.ts';
import { createCache, dataAnswer } from '../cache/cached.ts';
import { addressRecord, ask, buildQuery, buildResponse, decodeReply } from '../fixtures/messages.ts';
import { UdpClient } from '../fixtures/udp-client.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import { LIMITS, UpstreamDouble } from '../resolver/harness.ts';
import { echo, parts, PATIENCE_MS } from './harness.ts';

const SOCKETS = await loadLinuxSockets();
const NAME = 'a.example.com';

function addressIn(reply: Uint8Array): unknown {
  const [record] = decodeReply(reply).answers ?? [];
  return record !== undefined && 'data' in record ? record.data : undefined;
}

/** The last octet tells answers apart. */
const addressOf = (count: number): string => `192.0.2.${count}`;

/** The smallest cache that has room for an entry, which it has no second one for. */
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
  test(`replies that wait to be sent are what they were when their entry is ${fate} meanwhile`, async () => {
    const { cache, clock } = createCacheForOne();
    const components = parts(() => 0);
    const upstream = new UpstreamDouble(async () =>
      buildResponse({ name: NAME, answers: [addressRecord(NAME, 300, addressOf(255))] }),
    );
    const pipeline = createPipeline(
      { cache, upstream, clock, metrics: components.metrics, budget: new ExtraBudget() },
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
  [1, 'the first, which comes by itself'],
  [2, 'one of a batch'],
] as const) {
  test(`a listener that is closed while ${which}, is handled leaves its descriptor alone, which may be another’s by then`, async () => {
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
    // In one turn of the event loop, so that they are all there at the next.
    for (let id = 0; id < 3; id++) client.send(buildQuery({ id }), listener.port, '127.0.0.1');
    await waitUntil('it is closed', PATIENCE_MS, () => closing !== undefined);
    await closing;
    assert.equal(calls, 0);
    client.close();
  });
}
