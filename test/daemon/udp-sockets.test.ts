import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openUdpIo } from '../../src/daemon/udp-sockets.ts';
import { Dns4torError } from '../../src/failures/errors.ts';
import { createLogger, type Logger } from '../../src/log/logger.ts';
import { loadLinuxSockets } from '../../src/listener/udp/linux-sockets.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';

function recordingLogger(): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  return { logger: createLogger('info', 'default', new ManualClock(), (line) => lines.push(line)), lines };
}

const missing = (): Promise<never> => Promise.reject(new Dns4torError('ERR_LISTEN_BATCH', 'koffi cannot be loaded'));

test('datagrams are taken in batches where that can be had, and nothing is said of it', async () => {
  const { logger, lines } = recordingLogger();
  const sockets = await loadLinuxSockets();
  for (const udpIo of ['auto', 'batch'] as const) {
    assert.equal(await openUdpIo(udpIo, logger, async () => sockets), sockets);
  }
  assert.deepEqual(lines, []);
});

test('where batches cannot be had, auto does without and says why and what to install; batch fails for the same reason', async () => {
  const { logger, lines } = recordingLogger();
  assert.equal(await openUdpIo('auto', logger, missing), undefined);
  assert.equal(lines.length, 1);
  assert.match(lines.join(), /one by one: koffi cannot be loaded: .*npm install koffi/);
  await assert.rejects(openUdpIo('batch', logger, missing), { code: 'ERR_LISTEN_BATCH' });
});

test('dgram does not even look', async () => {
  const { logger, lines } = recordingLogger();
  const defect = (): never => assert.fail('it looked');
  assert.equal(await openUdpIo('dgram', logger, defect), undefined);
  assert.deepEqual(lines, []);
});
