import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { expandAddresses } from '../../../src/daemon/expand-addresses.ts';
import { NOT_HANDED_OVER } from '../../../src/daemon/handed-over.ts';
import { type Listening, openListeners, openUdpIo } from '../../../src/daemon/listening/listen.ts';
import { Dns4torError } from '../../../src/failures/errors.ts';
import type { ListenerComponents } from '../../../src/listener/listener.ts';
import { loadLinuxSockets } from '../../../src/listener/udp/linux-sockets.ts';
import { UdpListener } from '../../../src/listener/udp/udp-listener.ts';
import { createLogger, type Logger } from '../../../src/log/logger.ts';
import { createFileSystem } from '../../../src/system/transaction/file-system.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { reservePort } from '../../fixtures/process/reserve-port.ts';
import { echo, parts } from '../../listener/harness.ts';

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

/** Opens listeners on sockets of the machine, without a log. */
function listen(addresses: readonly string[], port: number, stack: AsyncDisposableStack): Promise<Listening> {
  const { logger } = recordingLogger();
  const config = { addresses, port };
  const handedOver = NOT_HANDED_OVER;
  return openListeners(components(), { config, handedOver, logger, networkInterfaces, fs: createFileSystem() }, stack);
}

test('port 0 selects one free port for UDP and TCP on every address', async () => {
  await using stack = new AsyncDisposableStack();
  const wanted = [...localhost, '127.0.0.2'];
  const { addresses } = await listen(wanted, 0, stack);
  const port = addresses[0]?.port ?? 0;
  assert.notEqual(port, 0);
  assert.deepEqual(
    addresses,
    wanted.map((address) => ({ address, port })),
  );
});

test('a port in use on one address is an error, and nothing stays open', async () => {
  await using reserved = await reservePort();
  await using stack = new AsyncDisposableStack();
  const { port } = reserved;
  await assert.rejects(listen(['127.0.0.2', '127.0.0.1'], port, stack), {
    code: 'ERR_LISTEN_IN_USE',
    message: new RegExp(`^UDP 127\\.0\\.0\\.1:${port}\\b`),
  });
  await reserved.release();
  assert.equal((await listen(['127.0.0.2', '127.0.0.1'], port, stack)).addresses.length, 2);
});

test('a configured address that the machine lacks is an error only without another address', async () => {
  await using stack = new AsyncDisposableStack();
  await assert.rejects(listen(['192.0.2.1'], 0, stack), { code: 'ERR_LISTEN_ADDRESS' });
  const { addresses } = await listen(['192.0.2.1', '127.0.0.1'], 0, stack);
  assert.deepEqual(
    addresses.map(({ address }) => address),
    ['127.0.0.1'],
  );
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
  const { addresses } = await listen(['127.0.0.1'], 0, stack);
  assert.equal(taken.length, 2);
  assert.ok(addresses.length === 1 && !taken.includes(addresses[0]!.port));
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
