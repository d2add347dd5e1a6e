import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { type AskOptions, ask, IDENTITY_QUESTION, isDns4tor } from '../../src/check/dns-client.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import type { PlainTransport } from '../../src/model/query.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { reservePort } from '../fixtures/process/reserve-port.ts';

const OPTIONS: AskOptions = { clock: systemClock, random: systemRandom, timeoutMs: 5000 };
const TRANSPORTS: readonly PlainTransport[] = ['udp', 'tcp'];

test('no address of another machine is queried', async () => {
  for (const transport of TRANSPORTS) {
    for (const address of ['192.0.2.53', '2001:db8::53', '8.8.8.8']) {
      await assert.rejects(ask({ address, port: 53 }, IDENTITY_QUESTION, transport, OPTIONS), {
        code: 'ERR_LISTEN_ADDRESS',
      });
    }
  }
});

test('an address without a listener fails at once', async () => {
  const reservation = await reservePort();
  await reservation.release();
  for (const transport of TRANSPORTS) {
    const target = { address: '127.0.0.1', port: reservation.port };
    await assert.rejects(ask(target, IDENTITY_QUESTION, transport, OPTIONS), { code: 'ECONNREFUSED' });
  }
});

test('a silent server gets the query again, and times out', async () => {
  const server = createSocket('udp4').bind(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const clock = new ManualClock();
    const target = { address: '127.0.0.1', port: server.address().port };
    let asked = once(server, 'message');
    const asking = assert.rejects(ask(target, IDENTITY_QUESTION, 'udp', { ...OPTIONS, clock }));
    const [first] = await asked;
    asked = once(server, 'message');
    clock.advance(2000);
    const [second] = await asked;
    assert.deepEqual(first, second);
    clock.advance(3000);
    await asking;
    assert.equal(clock.pendingTimers, 0);
  } finally {
    server.close();
  }
});

test("a reply from another server is not mistaken for dns4tor's", () => {
  assert.equal(isDns4tor({ rcode: 'REFUSED', error: undefined, source: undefined }), false);
  assert.equal(isDns4tor({ rcode: 'NOERROR', error: undefined, source: 'upstream' }), false);
});
