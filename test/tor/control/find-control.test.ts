import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../../src/lib/clock.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import type { TorAddress } from '../../../src/model/tor-address.ts';
import { openControl } from '../../../src/tor/control/control-connection.ts';
import { isOnThisMachine, requireSocksAddress } from '../../../src/tor/control/find-control.ts';
import { startControlDouble } from '../control-double.ts';
import { startOfflineTor } from '../offline-tor.ts';

const tcp = (host: string, port: number): TorAddress => ({ kind: 'tcp', host, port });

test('a real Tor is identified by its SOCKS address', async () => {
  await using tor = await startOfflineTor();
  const options = { address: tor.control, clock: systemClock, random: systemRandom, onEvent: () => {} };
  using control = await openControl(options);
  await requireSocksAddress(control, tor.socks);
  await assert.rejects(requireSocksAddress(control, tcp('127.0.0.1', 9050)), {
    code: 'ERR_TOR_CONTROL',
    message: /127\.0\.0\.1:9050/,
  });
});

test('wildcards, localhost and unix sockets match the SOCKS address; other addresses do not', async () => {
  const listeners = '"127.0.0.1:9050" "0.0.0.0:9060" "[::1]:9070" "[::]:9080" "unix:/run/tor/socks"';
  await using tor = await startControlDouble({ GETINFO: [`250-net/listeners/socks=${listeners}`, '250 OK'] });
  const options = { address: tor.address, clock: systemClock, random: systemRandom, onEvent: () => {} };
  using control = await openControl(options);
  const here = [
    tcp('127.0.0.1', 9050),
    tcp('localhost', 9050),
    tcp('127.0.0.5', 9060),
    tcp('::1', 9070),
    tcp('localhost', 9070),
    tcp('::1', 9080),
    { kind: 'unix', path: '/run/tor/socks' } as const,
  ];
  for (const address of here) await requireSocksAddress(control, address);
  const elsewhere = [tcp('127.0.0.2', 9050), tcp('127.0.0.1', 9051), { kind: 'unix', path: '/run/tor' } as const];
  for (const address of elsewhere) {
    await assert.rejects(requireSocksAddress(control, address), { code: 'ERR_TOR_CONTROL' });
  }
});

test('a Tor on another machine has no control port here', () => {
  assert.ok(isOnThisMachine({ kind: 'unix', path: '/run/tor/socks' }));
  assert.ok(isOnThisMachine(tcp('localhost', 9050)));
  assert.ok(!isOnThisMachine(tcp('192.168.1.1', 9050)));
});
