import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { toDns4torError } from '../../../src/failures/errors.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import type { TorAddress } from '../../../src/model/tor-address.ts';
import { detectTor, verifyTor } from '../../../src/tor/socks/find-socks.ts';
import { judgeManagedTor } from '../../../src/tor/socks/socks-peer.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { findProgram } from '../../fixtures/process/find-program.ts';
import { type RunningProcess, startProcess } from '../../fixtures/process/process.ts';
import { reservePort } from '../../fixtures/process/reserve-port.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { listen } from '../listen.ts';
import { startOfflineTor } from '../offline-tor.ts';
import { startSocksDouble } from '../socks-double.ts';

async function startMicrosocks(port: number): Promise<RunningProcess> {
  return startProcess(await findProgram('microsocks'), ['-i', '127.0.0.1', '-p', String(port)]);
}

async function startMicrosocksWithPassword(port: number): Promise<RunningProcess> {
  const options = ['-i', '127.0.0.1', '-p', String(port), '-u', 'user', '-P', 'password'];
  return startProcess(await findProgram('microsocks'), options);
}

async function startDante(port: number, directory: string): Promise<RunningProcess> {
  const lines = [
    'logoutput: stderr',
    `internal: 127.0.0.1 port = ${port}`,
    'external: 127.0.0.1',
    'clientmethod: none',
    'socksmethod: none',
    'client pass { from: 0/0 to: 0/0 }',
    'socks pass { from: 0/0 to: 0/0 }',
    '',
  ];
  const file = join(directory, 'danted.conf');
  await writeFile(file, lines.join('\n'));
  return startProcess(await findProgram('danted'), ['-f', file]);
}

async function unusedAddress(): Promise<TorAddress> {
  const reserved = await reservePort();
  await reserved.release();
  return { kind: 'tcp', host: '127.0.0.1', port: reserved.port };
}

test('Tor is recognised before it has bootstrapped, and logs no complaint about the probe', async () => {
  await using tor = await startOfflineTor();
  assert.deepEqual(await verifyTor(tor.socks, systemClock, judgeManagedTor), { standing: 'tor', program: 'tor' });
  assert.doesNotMatch(tor.process.output, /Your application|Rejecting|unsafe|handshake failed/i);
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

for (const arti of ['resolves', 'refuses RESOLVE'] as const) {
  test(`a proxy that takes credentials but not the reserved ones, and ${arti}, is arti`, async () => {
    await using proxy = await startSocksDouble({ arti });
    const { program, standing } = await verifyTor(proxy.address, systemClock, judgeManagedTor);
    assert.deepEqual({ program, standing }, { program: 'arti', standing: 'tor' });
  });
}

test('arti of another user gets no byte', async () => {
  await using proxy = await startSocksDouble({ arti: 'resolves' });
  await assert.rejects(
    verifyTor(proxy.address, systemClock, async () => 'foreign'),
    { code: 'ERR_TOR_FOREIGN' },
  );
  await proxy.deserted();
  assert.deepEqual(proxy.requests, []);
});

test('arti of an unknown user stays unproven', async () => {
  await using proxy = await startSocksDouble({ arti: 'resolves' });
  const { program, standing } = await verifyTor(proxy.address, systemClock, async () => 'unknown');
  assert.deepEqual({ program, standing }, { program: 'arti', standing: 'unknown' });
});

test('a proxy that takes every user name is not arti', async () => {
  await using proxy = await startSocksDouble({ reply: 0x07, skipsCredentials: true });
  await assert.rejects(verifyTor(proxy.address, systemClock, judgeManagedTor), { code: 'ERR_TOR_NOT_SOCKS' });
  assert.deepEqual(
    proxy.requests.map(({ username }) => username),
    ['', 'dns4tor', '<torS0X>~'],
  );
});

for (const [what, start] of [
  ['microsocks', startMicrosocks],
  ['microsocks with a password', startMicrosocksWithPassword],
  ['Dante', startDante],
] as const) {
  test(`${what} is neither tor nor arti`, async () => {
    await using reserved = await reservePort();
    const { port } = reserved;
    await reserved.release();
    await using directory = await createTemporaryDirectory();
    await using proxy = await start(port, directory.path);
    const verdict = (): Promise<string> =>
      verifyTor({ kind: 'tcp', host: '127.0.0.1', port }, systemClock, judgeManagedTor).then(
        ({ program }) => program,
        (error: unknown) => toDns4torError(error).code,
      );
    await proxy.waitUntil('it listens', 10_000, async () => (await verdict()) !== 'ERR_TOR_UNREACHABLE');
    assert.equal(await verdict(), 'ERR_TOR_NOT_SOCKS');
  });
}

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

test('arti is not chosen where no address is configured', async () => {
  await using arti = await startSocksDouble({ arti: 'resolves' });
  const { found, rejected } = await detectTor(systemClock, judgeManagedTor, [arti.address]);
  assert.equal(found, undefined);
  assert.equal(rejected[0]?.error.code, 'ERR_TOR_ARTI');
});

test('without a Tor, nothing is found', async () => {
  const { found } = await detectTor(systemClock, judgeManagedTor, [await unusedAddress()]);
  assert.equal(found, undefined);
});
