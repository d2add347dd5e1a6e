import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { expandAddresses } from '../../src/daemon/expand-addresses.ts';
import { listenEverywhere, openUdpIo } from '../../src/daemon/listen.ts';
import { Dns4torError } from '../../src/failures/errors.ts';
import type { ListenerComponents } from '../../src/listener/listener.ts';
import { loadLinuxSockets } from '../../src/listener/udp/linux-sockets.ts';
import { UdpListener } from '../../src/listener/udp/udp-listener.ts';
import { createLogger, type Logger } from '../../src/log/logger.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { reservePort } from '../fixtures/process/reserve-port.ts';
import { echo, parts } from '../listener/harness.ts';

const addressesHere = new Set(
  Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address) ?? []),
);
const localhost = addressesHere.has('::1') ? ['127.0.0.1', '::1'] : ['127.0.0.1'];

const components = (): ListenerComponents => parts(echo);

test('localhost is 127.0.0.1 and, if this machine has it, ::1; duplicate addresses are bound once', () => {
  assert.deepEqual(expandAddresses(['localhost']), localhost);
  assert.deepEqual(expandAddresses(['127.0.0.1', 'localhost']), localhost);
  assert.deepEqual(expandAddresses(['192.0.2.1', '127.0.0.1']), ['192.0.2.1', '127.0.0.1']);
});

test('port 0 selects one free port for UDP and TCP on every address', async () => {
  await using stack = new AsyncDisposableStack();
  const addresses = [...localhost, '127.0.0.2'];
  const listeners = await listenEverywhere(components(), addresses, 0, stack);
  assert.equal(listeners.length, 2 * addresses.length);
  assert.equal(new Set(listeners.map(({ port }) => port)).size, 1);
  assert.notEqual(listeners[0]?.port, 0);
});

test('a port in use on one address is an error, and nothing stays open', async () => {
  await using reserved = await reservePort();
  await using stack = new AsyncDisposableStack();
  const { port } = reserved;
  await assert.rejects(listenEverywhere(components(), ['127.0.0.2', '127.0.0.1'], port, stack), {
    code: 'ERR_LISTEN_IN_USE',
    message: new RegExp(`^UDP 127\\.0\\.0\\.1:${port}: `),
  });
  await reserved.release();
  assert.equal((await listenEverywhere(components(), ['127.0.0.2', '127.0.0.1'], port, stack)).length, 4);
});

test('a port that is free for UDP but in use for TCP is replaced by another', async (t) => {
  await using stack = new AsyncDisposableStack();
  const taken: number[] = [];
  const open = UdpListener.open.bind(UdpListener);
  // The first two ports are in use for TCP.
  t.mock.method(UdpListener, 'open', async (...args: Parameters<typeof open>) => {
    const udp = await open(...args);
    if (taken.length < 2) {
      taken.push(udp.port);
      const server = createServer().listen(udp.port, '127.0.0.1');
      // It may be in use already, which serves the same purpose.
      await once(server, 'listening').then(
        () => stack.defer(() => void server.close()),
        () => {},
      );
    }
    return udp;
  });
  const [listener] = await listenEverywhere(components(), ['127.0.0.1'], 0, stack);
  assert.equal(taken.length, 2);
  assert.ok(listener !== undefined && !taken.includes(listener.port));
});

function recordingLogger(): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  return { logger: createLogger('info', 'default', new ManualClock(), (line) => lines.push(line)), lines };
}

const missing = (): Promise<never> => Promise.reject(new Dns4torError('ERR_LISTEN_BATCH', 'koffi cannot be loaded'));

test('batched UDP I/O is used where it is available, without a log line', async () => {
  const { logger, lines } = recordingLogger();
  const sockets = await loadLinuxSockets();
  for (const udpIo of ['auto', 'batch'] as const) {
    assert.equal(await openUdpIo(udpIo, logger, async () => sockets), sockets);
  }
  assert.deepEqual(lines, []);
});

test('without batched UDP I/O, auto logs why and what to install, and batch fails', async () => {
  const { logger, lines } = recordingLogger();
  assert.equal(await openUdpIo('auto', logger, missing), undefined);
  assert.equal(lines.length, 1);
  assert.match(lines.join(), /: koffi cannot be loaded: .*npm install koffi/);
  await assert.rejects(openUdpIo('batch', logger, missing), { code: 'ERR_LISTEN_BATCH' });
});

test('dgram does not try to load batched UDP I/O', async () => {
  const { logger, lines } = recordingLogger();
  const defect = (): never => assert.fail('loaded');
  assert.equal(await openUdpIo('dgram', logger, defect), undefined);
  assert.deepEqual(lines, []);
});
