import assert from 'node:assert/strict';
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type FindTorComponents, findTor, type TorFinding } from '../../src/check/find-tor.ts';
import type { TorConfig } from '../../src/config/config.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { Bridge, VANILLA } from '../../src/model/bridge.ts';
import type { TorAddress } from '../../src/model/tor-address.ts';
import { NOT_FOUND } from '../../src/system/command.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { startSocksDouble } from '../tor/socks-double.ts';

const NOWHERE: TorAddress = { kind: 'unix', path: '/nonexistent/socks' };

function config(socks: TorConfig['socks']): TorConfig {
  return { socks, control: { kind: 'auto' }, onionAuths: [], binary: 'tor', bridges: [], transports: [], options: [] };
}

/** A machine without a running Tor and without the tor program. */
function machine(overrides: Partial<FindTorComponents> = {}): FindTorComponents {
  return {
    clock: systemClock,
    run: async () => ({ status: NOT_FOUND, stdout: '', stderr: '' }),
    env: { STATE_DIRECTORY: '/nonexistent' },
    usualSocksAddresses: [NOWHERE],
    ...overrides,
  };
}

/** Returns the addresses and the standing of a running Tor. */
function placesOf(found: TorFinding): unknown {
  assert.equal(found.kind, 'running');
  const { standing, socks, control } = found;
  return { standing, socks, control };
}

test('a Tor at the configured address is found, with its control port settings', async () => {
  await using tor = await startSocksDouble({ passesForTor: true });
  const found = await findTor(machine(), config(tor.address));
  assert.deepEqual(placesOf(found), { standing: 'tor', socks: tor.address, control: { kind: 'auto' } });
});

test('another program at the configured address is not Tor, and no other address is tried', async () => {
  await using tor = await startSocksDouble({ passesForTor: true });
  await using other = await startSocksDouble();
  const found = await findTor(machine({ usualSocksAddresses: [tor.address] }), config(other.address));
  assert.equal(found.kind === 'missing' && found.error.code, 'ERR_TOR_NOT_SOCKS');
});

test('arti is found at the configured address, and not by auto', async () => {
  await using arti = await startSocksDouble({ arti: 'resolves' });
  const found = await findTor(machine(), config(arti.address));
  assert.equal(found.kind === 'running' && found.program, 'arti');
  const other = await findTor(machine({ usualSocksAddresses: [arti.address] }), config({ kind: 'auto' }));
  assert.equal(other.kind === 'missing' && other.error.code, 'ERR_TOR_BINARY_MISSING');
});

test('with bridges, a running Tor is not the one that dns4tor would use', async () => {
  await using tor = await startSocksDouble({ passesForTor: true });
  const bridge = new Bridge({ transport: VANILLA, host: '192.0.2.1', port: 1, fingerprint: undefined, args: [] });
  const components = machine({
    usualSocksAddresses: [tor.address],
    run: async () => ({ status: 0, stdout: 'Tor version 0.4.9.11.\n', stderr: '' }),
  });
  assert.equal((await findTor(components, config({ kind: 'auto' }))).kind, 'running');
  const found = await findTor(components, { ...config({ kind: 'auto' }), bridges: [bridge] });
  assert.equal(found.kind, 'startable');
});

test('auto finds a Tor at one of the usual addresses', async () => {
  await using tor = await startSocksDouble({ passesForTor: true });
  const found = await findTor(machine({ usualSocksAddresses: [NOWHERE, tor.address] }), config({ kind: 'auto' }));
  assert.equal(found.kind === 'running' && found.socks, tor.address);
});

for (const kind of ['auto', 'managed'] as const) {
  test(`${kind}: the managed Tor of a running dns4tor is found, with its control port`, async () => {
    await using state = await createTemporaryDirectory();
    await mkdir(join(state.path, 'tor'));
    await using tor = await startSocksDouble({ passesForTor: true, path: join(state.path, 'tor', 'socks') });
    const found = await findTor(machine({ env: { STATE_DIRECTORY: state.path } }), config({ kind }));
    const control = { kind: 'unix', path: join(state.path, 'tor', 'control') };
    assert.deepEqual(placesOf(found), { standing: 'tor', socks: tor.address, control });
  });

  test(`${kind}: a listener that other users could have placed is not accepted as Tor`, async () => {
    await using state = await createTemporaryDirectory();
    await mkdir(join(state.path, 'tor'));
    await chmod(state.path, 0o777);
    await using _ = await startSocksDouble({ passesForTor: true, path: join(state.path, 'tor', 'socks') });
    const found = await findTor(machine({ env: { STATE_DIRECTORY: state.path } }), config({ kind }));
    assert.equal(found.kind === 'missing' && found.error.code, 'ERR_UNTRUSTED_PATH');
  });

  test(`${kind}: if no Tor runs, the tor program is found but not started`, async () => {
    const ran: string[] = [];
    const run = async (command: readonly string[]): ReturnType<FindTorComponents['run']> => {
      ran.push(command.join(' '));
      return { status: 0, stdout: 'Tor version 0.4.9.11.\nmore\n', stderr: '' };
    };
    const found = await findTor(machine({ run }), config({ kind }));
    assert.deepEqual(found, { kind: 'startable', version: 'Tor version 0.4.9.11' });
    assert.deepEqual(ran, ['tor --version']);
  });

  test(`${kind}: neither Tor nor the program`, async () => {
    const found = await findTor(machine(), config({ kind }));
    assert.equal(found.kind === 'missing' && found.error.code, 'ERR_TOR_BINARY_MISSING');
  });
}
