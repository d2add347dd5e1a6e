import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { systemClock } from '../../../src/lib/clock.ts';
import type { TorAddress } from '../../../src/model/tor-address.ts';
import { detectTor, verifyTor } from '../../../src/tor/socks/find-socks.ts';
import { judgeManagedTor } from '../../../src/tor/socks/socks-peer.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { reservePort } from '../../fixtures/process/reserve-port.ts';
import { listen } from '../listen.ts';
import { startOfflineTor } from '../offline-tor.ts';
import { startSocksDouble } from '../socks-double.ts';

async function unusedAddress(): Promise<TorAddress> {
  const reserved = await reservePort();
  await reserved.release();
  return { kind: 'tcp', host: '127.0.0.1', port: reserved.port };
}

test('Tor is recognised before it has bootstrapped, and logs no complaint about the probe', async () => {
  await using tor = await startOfflineTor();
  await verifyTor(tor.socks, systemClock, judgeManagedTor);
  assert.doesNotMatch(tor.process.output, /Your application|Rejecting|unsafe/i);
});

test('Tor is recognised even if its SocksPort rejects plain addresses', async () => {
  await using tor = await startOfflineTor(['SafeSocks 1']);
  await verifyTor(tor.socks, systemClock, judgeManagedTor);
});

test('a SOCKS5 proxy that is not Tor gets no name to resolve and is recognised as such', async () => {
  await using proxy = await startSocksDouble({ method: 0, reply: 0x07 });
  await assert.rejects(verifyTor(proxy.address, systemClock, judgeManagedTor), {
    code: 'ERR_TOR_NOT_SOCKS',
    message: /050005/,
  });
  const [request] = proxy.requests;
  assert.equal(request?.command, 0xf0);
  assert.equal(request?.host, '127.0.0.1');
});

test('a web server is not taken for Tor', async () => {
  await using web = await listen(createHttpServer());
  await assert.rejects(verifyTor(web.address, systemClock, judgeManagedTor), { code: 'ERR_TOR_NOT_SOCKS' });
});

test('a server that closes the connection is not taken for Tor', async () => {
  await using server = await listen(createServer((socket) => socket.destroy()));
  await assert.rejects(verifyTor(server.address, systemClock, judgeManagedTor), { code: 'ERR_TOR_NOT_SOCKS' });
});

test('a silent listener times out after two seconds', async () => {
  const silent = createServer();
  const connected = once(silent, 'connection');
  await using server = await listen(silent);
  const clock = new ManualClock();
  const verdict = assert.rejects(verifyTor(server.address, clock, judgeManagedTor), { code: 'ERR_TOR_TIMEOUT' });
  await connected;
  clock.advance(2_000);
  await verdict;
  assert.equal(clock.pendingTimers, 0);
});

test('a port where nothing listens is unreachable', async () => {
  await assert.rejects(verifyTor(await unusedAddress(), systemClock, judgeManagedTor), { code: 'ERR_TOR_UNREACHABLE' });
});

test('the first address with Tor is found, and the rejected ones are listed with reasons', async () => {
  await using proxy = await startSocksDouble({ method: 0, reply: 0x07 });
  await using tor = await startOfflineTor();
  await using later = await startOfflineTor();
  const unused = await unusedAddress();
  const { found, rejected } = await detectTor(systemClock, judgeManagedTor, [
    unused,
    proxy.address,
    tor.socks,
    later.socks,
  ]);
  assert.equal(found, tor.socks);
  assert.deepEqual(
    rejected.map(({ address, error }) => [address, error.code]),
    [
      [unused, 'ERR_TOR_UNREACHABLE'],
      [proxy.address, 'ERR_TOR_NOT_SOCKS'],
    ],
  );
});

test('without a Tor, nothing is found', async () => {
  const { found } = await detectTor(systemClock, judgeManagedTor, [await unusedAddress()]);
  assert.equal(found, undefined);
});
