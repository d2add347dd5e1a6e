import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Handler } from '../../../src/model/query.ts';
import { addressRecord, buildQuery, buildResponse } from '../../fixtures/dns/messages.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { eachAtOnce } from '../../protocol/clients.ts';
import { PATIENCE_MS } from '../harness.ts';
import { connectDoh, get, serveDoh, VERSIONS } from './doh-harness.ts';
import { hostileFrames, hostileRequests } from './hostile-input.ts';

/** Seed of all random choices. */
const SEED = Number(process.env['FUZZ_SEED'] ?? 4);
const STREAMS = 1000;
const WIDTH = 16;
const HONEST_EVERY = 100;

const ANSWER = buildResponse({ answers: [addressRecord('example.com', 300)] });

/** Answers some queries at once, and others after a turn of the event loop. */
const createHandler = (): Handler => {
  let queries = 0;
  return ({ wire }, reply) => {
    assert.ok(wire.length <= 0xffff);
    if (queries++ % 2 === 0) return new Promise((resolve) => setImmediate(() => resolve(ANSWER.slice())));
    reply.set(ANSWER);
    return ANSWER.length;
  };
};

/** Sends octets in two pieces and closes its side. Resolves when the server has closed the connection. */
async function send(port: number, octets: Buffer, cut: number): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  socket.on('error', () => {});
  socket.resume();
  await once(socket, 'connect');
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(octets.subarray(0, cut % (octets.length + 1)));
  setImmediate(() => {
    if (socket.writable) socket.end(octets.subarray(cut % (octets.length + 1)));
  });
  // The server may wait for the rest of a request or for a larger window, on a clock that stands still.
  const timer = setTimeout(() => socket.destroy(), 200);
  await closed;
  clearTimeout(timer);
}

for (const [what, arbitrary] of [
  ['HTTP/2 frames', hostileFrames],
  ['HTTP/1 requests', hostileRequests],
] as const) {
  test(`${STREAMS} streams of changed ${what}: nothing throws, honest clients are answered, and nothing is left`, async () => {
    await using server = await serveDoh(createHandler());
    const streams = fc.sample(fc.tuple(arbitrary, fc.nat(2000)), { seed: SEED, numRuns: STREAMS });
    await eachAtOnce(streams, WIDTH, async ([octets, cut], index) => {
      await send(server.port, octets, cut);
      if (index % HONEST_EVERY !== 0) return;
      for (const version of VERSIONS) {
        await using client = await connectDoh(version, server.port);
        const { status, body } = await client.request(get(buildQuery()));
        assert.deepEqual([status, body], [200, Buffer.from(ANSWER)], `${version} after ${index} streams`);
      }
    });
    // Clients that have closed their side are closed when they have been idle, and at last when they read nothing.
    await waitUntil('all connections are closed', PATIENCE_MS, () => {
      server.parts.clock.advance(1000);
      return server.sockets.every(({ destroyed }) => destroyed);
    });
    await Promise.all(server.connections.map((connection) => connection.idle()));
  });
}
