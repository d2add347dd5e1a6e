import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/lib/clock.ts';
import { Deadline } from '../../src/lib/deadline.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { Bridge, VANILLA } from '../../src/model/bridge.ts';
import { formatTorAddress } from '../../src/model/tor-address.ts';
import { TorAgent } from '../../src/tor/socks/agent.ts';
import { verifyTor } from '../../src/tor/socks/find-socks.ts';
import { judgeManagedTor } from '../../src/tor/socks/socks-peer.ts';
import { type OpenTorOptions, openTor, type Tor } from '../../src/tor/tor.ts';
import { NO_TOR_EVENTS } from '../../src/tor/tor-events.ts';
import { findProgram } from '../fixtures/process/find-program.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import { OFFLINE_OPTIONS, startOfflineTor } from './offline-tor.ts';
import { startSocksDouble } from './socks-double.ts';

async function optionsIn(stateDirectory: string): Promise<OpenTorOptions> {
  return {
    binary: await findProgram('tor'),
    stateDirectory: () => stateDirectory,
    bridges: [],
    transports: [],
    torOptions: OFFLINE_OPTIONS,
    usualAddresses: [],
    clock: systemClock,
    random: systemRandom,
    judgePeer: judgeManagedTor,
    control: { kind: 'auto' },
    usualControlAddresses: [],
    onionAuths: [],
    events: NO_TOR_EVENTS,
    hasNetwork: () => true,
  };
}

test('auto uses a running Tor and does not stop it', async () => {
  await using external = await startOfflineTor();
  // A service's user may have neither a home nor a state directory.
  const stateDirectory = (): never => assert.fail('the state directory was looked up');
  const options = { ...(await optionsIn('/nonexistent')), usualAddresses: [external.socks], stateDirectory };
  {
    await using tor = await openTor({ kind: 'auto' }, options);
    assert.deepEqual(tor.socks, external.socks);
    assert.match(tor.describe(), /^Tor at unix:/);
  }
  await verifyTor(external.socks, systemClock, judgeManagedTor);
});

test('with bridges, a running Tor is never used: neither by auto nor at a given address', async () => {
  await using external = await startOfflineTor();
  await using directory = await createTemporaryDirectory();
  const bridge = new Bridge({ transport: VANILLA, host: '127.0.0.1', port: 1, fingerprint: undefined, args: [] });
  const options = {
    ...(await optionsIn(directory.path)),
    usualAddresses: [external.socks],
    usualControlAddresses: [external.control],
    bridges: [bridge],
  };
  for (const choice of [{ kind: 'auto' }, external.socks] as const) {
    await using tor = await openTor(choice, options);
    assert.equal(tor.kind, 'managed');
    assert.deepEqual(tor.socks, { kind: 'unix', path: join(directory.path, 'tor/socks') });
  }
  assert.doesNotMatch(external.process.output, /New control connection/);
});

test('auto starts a managed Tor if none runs, and stops it', async () => {
  await using directory = await createTemporaryDirectory();
  const tor = await openTor({ kind: 'auto' }, await optionsIn(directory.path));
  assert.deepEqual(tor.socks, { kind: 'unix', path: join(directory.path, 'tor/socks') });
  assert.equal(tor.state().state, 'bootstrapping');
  assert.match(tor.describe(), /^tor started by dns4tor at unix:/);
  await verifyTor(tor.socks, systemClock, judgeManagedTor);
  await tor[Symbol.asyncDispose]();
  await assert.rejects(verifyTor(tor.socks, systemClock, judgeManagedTor), { code: 'ERR_TOR_UNREACHABLE' });
});

test('auto skips and reports a listener that may not be Tor, and starts a managed Tor', async () => {
  await using directory = await createTemporaryDirectory();
  await using program = await startSocksDouble({ passesForTor: true });
  for (const [standing, code] of [
    ['foreign', 'ERR_TOR_FOREIGN'],
    ['unknown', 'ERR_TOR_UNPROVEN'],
  ] as const) {
    const told: string[] = [];
    const options: OpenTorOptions = {
      ...(await optionsIn(directory.path)),
      usualAddresses: [program.address],
      judgePeer: async () => standing,
      events: { ...NO_TOR_EVENTS, onSkipped: (error) => told.push(error.code) },
    };
    await using tor = await openTor({ kind: 'auto' }, options);
    assert.equal(tor.kind, 'managed');
    assert.deepEqual(told, [code]);
  }
});

test('a configured address is used even if its owner is unknown, which is reported once', async () => {
  await using program = await startSocksDouble();
  let told = 0;
  const options: OpenTorOptions = {
    ...(await optionsIn('/nonexistent')),
    judgePeer: async () => 'unknown',
    events: { ...NO_TOR_EVENTS, onUnproven: () => told++ },
  };
  await using tor = await openTor(program.address, options);
  const { socks, judgePeer } = tor;
  const agent = new TorAgent({ socks, judgePeer, credentials: { username: 'u', password: 'p' }, clock: systemClock });
  for (let count = 0; count < 2; count++) {
    const { socket, standing } = await agent.dial('onion.test', 443, Deadline.after(systemClock, 5000));
    assert.equal(standing, 'unknown');
    socket.destroy();
  }
  assert.equal(told, 1);
});

/** Opens the Tor at a configured address, and dials through it. */
async function dialThrough(tor: Tor): Promise<void> {
  const { socks, judgePeer } = tor;
  const agent = new TorAgent({
    socks,
    judgePeer,
    credentials: { username: 'u', password: 'p' },
    clock: systemClock,
    onDial: (outcome) => tor.observe(outcome),
  });
  (await agent.dial('onion.test', 443, Deadline.after(systemClock, 5000))).socket.destroy();
}

test('a configured arti is used and reported once, and auto does not choose it', async () => {
  await using directory = await createTemporaryDirectory();
  await using arti = await startSocksDouble({ arti: 'resolves' });
  const told: string[] = [];
  const options: OpenTorOptions = {
    ...(await optionsIn(directory.path)),
    usualAddresses: [arti.address],
    events: { ...NO_TOR_EVENTS, onArti: (address) => told.push(address), onSkipped: ({ code }) => told.push(code) },
  };
  {
    await using tor = await openTor(arti.address, options);
    await waitUntil('arti is reported', 5000, () => told.length > 0);
    await dialThrough(tor);
    await dialThrough(tor);
    assert.equal(tor.state().state, 'up');
  }
  assert.deepEqual(told, [formatTorAddress(arti.address)]);
  await using tor = await openTor({ kind: 'auto' }, options);
  assert.equal(tor.kind, 'managed');
  assert.deepEqual(told.slice(1), ['ERR_TOR_ARTI']);
});

test('arti that starts after dns4tor is reported at its first stream', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'socks');
  const told: string[] = [];
  const events = { ...NO_TOR_EVENTS, onArti: (address: string) => told.push(address) };
  await using tor = await openTor({ kind: 'unix', path }, { ...(await optionsIn('/nonexistent')), events });
  await assert.rejects(dialThrough(tor), { code: 'ERR_TOR_UNREACHABLE' });
  await using _ = await startSocksDouble({ arti: 'resolves', path });
  await dialThrough(tor);
  await waitUntil('arti is reported', 5000, () => told.length > 0);
  assert.deepEqual(told, [`unix:${path}`]);
});

test('a configured tor is not reported as arti, with or without its control port', async () => {
  await using external = await startOfflineTor();
  for (const usualControlAddresses of [[], [external.control]]) {
    const events = { ...NO_TOR_EVENTS, onArti: () => assert.fail('reported as arti') };
    await using tor = await openTor(external.socks, {
      ...(await optionsIn('/nonexistent')),
      usualControlAddresses,
      events,
    });
    // The probe ends before this one, which follows it.
    await verifyTor(tor.socks, systemClock, judgeManagedTor);
  }
});

test('without a running Tor and a tor program, the error names the command that installs it', async () => {
  await using directory = await createTemporaryDirectory();
  const options = { ...(await optionsIn(directory.path)), binary: 'no-such-tor' };
  await assert.rejects(openTor({ kind: 'auto' }, options), {
    code: 'ERR_TOR_BINARY_MISSING',
    message: /apt-get install tor/,
  });
});
