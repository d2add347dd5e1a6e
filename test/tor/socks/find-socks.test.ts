import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { systemClock } from '../../../src/lib/clock.ts';
import { detectTor, verifyTor } from '../../../src/tor/socks/find-socks.ts';
import { judgeAsOurs } from '../../../src/tor/socks/socks-peer.ts';
import type { TorAddress } from '../../../src/tor/tor-address.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { reservePort } from '../../fixtures/reserve-port.ts';
import { listen } from '../listen.ts';
import { startOfflineTor } from '../offline-tor.ts';
import { startSocksDouble } from '../socks-double.ts';

async function unusedAddress(): Promise<TorAddress> {
  const reserved = await reservePort();
  await reserved.release();
  return { kind: 'tcp', host: '127.0.0.1', port: reserved.port };
}

test('Tor is recognised before it has reached its network, and logs no complaint about us', async () => {
  await using tor = await startOfflineTor();
  await verifyTor(tor.socks, systemClock, judgeAsOurs);
  assert.doesNotMatch(tor.process.output, /Your application|Rejecting|unsafe/i);
});

test('Tor is recognised whose SocksPort rejects bare addresses', async () => {
  await using tor = await startOfflineTor(['SafeSocks 1']);
  await verifyTor(tor.socks, systemClock, judgeAsOurs);
});

test('a SOCKS5 proxy that is not Tor is asked to resolve no name and is told apart', async () => {
  await using proxy = await startSocksDouble({ method: 0, reply: 0x07 });
  await assert.rejects(verifyTor(proxy.address, systemClock, judgeAsOurs), {
    code: 'ERR_TOR_NOT_SOCKS',
    message: /050005/,
  });
  const [request] = proxy.requests;
  assert.equal(request?.command, 0xf0);
  assert.equal(request?.host, '127.0.0.1');
});

test('a web server is told apart', async () => {
  await using web = await listen(createHttpServer());
  await assert.rejects(verifyTor(web.address, systemClock, judgeAsOurs), { code: 'ERR_TOR_NOT_SOCKS' });
});

test('a server that hangs up is told apart', async () => {
  await using server = await listen(createServer((socket) => socket.destroy()));
  await assert.rejects(verifyTor(server.address, systemClock, judgeAsOurs), { code: 'ERR_TOR_NOT_SOCKS' });
});

test('a port that stays silent is given up after two seconds', async () => {
  const silent = createServer();
  const connected = once(silent, 'connection');
  await using server = await listen(silent);
  const clock = new ManualClock();
  const verdict = assert.rejects(verifyTor(server.address, clock, judgeAsOurs), { code: 'ERR_TOR_TIMEOUT' });
  await connected;
  clock.advance(2_000);
  await verdict;
  assert.equal(clock.pendingTimers, 0);
});

test('a port where nothing listens is unreachable', async () => {
  await assert.rejects(verifyTor(await unusedAddress(), systemClock, judgeAsOurs), { code: 'ERR_TOR_UNREACHABLE' });
});

test('of several addresses the first is found at which Tor answers, and the others are accounted for', async () => {
  await using proxy = await startSocksDouble({ method: 0, reply: 0x07 });
  await using tor = await startOfflineTor();
  await using later = await startOfflineTor();
  const unused = await unusedAddress();
  const { found, rejected } = await detectTor(systemClock, judgeAsOurs, [
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

test('where there is no Tor, none is found', async () => {
  const { found } = await detectTor(systemClock, judgeAsOurs, [await unusedAddress()]);
  assert.equal(found, undefined);
});
