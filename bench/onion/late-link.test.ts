import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ManualClock } from '../../test/fixtures/manual-clock.ts';
import { linkLate } from './late-link.ts';

/** A connection over loopback: its two ends. */
async function openPair(stack: DisposableStack): Promise<[Socket, Socket]> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', noDelay: true });
  const [far] = (await once(server, 'connection')) as [Socket];
  server.close();
  stack.defer(() => [near, far].forEach((socket) => socket.destroy()));
  return [near, far];
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await setImmediate();
}

test('each byte arrives late and in order, in both directions', async () => {
  using stack = new DisposableStack();
  const clock = new ManualClock();
  const [client, left] = await openPair(stack);
  const [right, server] = await openPair(stack);
  let delayMs = 100;
  linkLate(clock, left, right, () => delayMs);
  const received = { client: '', server: '' };
  client.on('data', (bytes) => (received.client += bytes));
  server.on('data', (bytes) => (received.server += bytes));

  client.write('one');
  await settle();
  clock.advance(50.5);
  // A shorter delay does not let the second chunk overtake the first.
  delayMs = 10;
  client.write('two');
  server.write('back');
  await settle();
  clock.advance(49);
  await settle();
  assert.deepEqual(received, { client: 'back', server: '' });
  clock.advance(0.5);
  await settle();
  assert.deepEqual(received, { client: 'back', server: 'onetwo' });
});

test('when one end closes, the other is closed', async () => {
  using stack = new DisposableStack();
  const [client, left] = await openPair(stack);
  const [right, server] = await openPair(stack);
  linkLate(new ManualClock(), left, right, () => 1000);
  client.destroy();
  server.resume();
  await once(server, 'close');
  assert.ok(left.destroyed && right.destroyed);
});
