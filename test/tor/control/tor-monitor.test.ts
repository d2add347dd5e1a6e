import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { inspect } from 'node:util';
import type { Dns4torError } from '../../../src/failures/errors.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import type { TorAddress } from '../../../src/model/tor-address.ts';
import { openControl } from '../../../src/tor/control/control-connection.ts';
import { openTorMonitor, type TorMonitorOptions } from '../../../src/tor/control/tor-monitor.ts';
import { NO_TOR_EVENTS } from '../../../src/tor/tor-events.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { startControlDouble } from '../control-double.ts';
import { startOfflineTor } from '../offline-tor.ts';
import { ONION_AUTH, ONION_AUTH_COMMAND, SAME_ONION_AUTH_IN_TOR, viewOnionAuths } from '../onion-auths.ts';
import { ONLINE } from '../surroundings.ts';

const GETINFO = [
  '250-status/bootstrap-phase=NOTICE BOOTSTRAP PROGRESS=45 TAG=requesting SUMMARY="Asking for relay descriptors"',
  '250-status/circuit-established=0',
  '250+circuit-status=',
  '7 LAUNCHED PURPOSE=GENERAL',
  '8 BUILT $AAAA~relay1 PURPOSE=GENERAL',
  '.',
  '250 OK',
];

function options(address: TorAddress, signal: AbortSignal): TorMonitorOptions {
  return {
    address,
    onionAuths: [],
    clock: systemClock,
    random: systemRandom,
    signal,
    events: NO_TOR_EVENTS,
    surroundings: ONLINE,
    prepare: async () => {},
  };
}

test('a real Tor is followed from its current state to its exit', async () => {
  await using tor = await startOfflineTor();
  const monitor = await openTorMonitor(options(tor.control, new AbortController().signal));
  assert.deepEqual(monitor.status, {
    state: 'bootstrapping',
    bootstrapPercent: 0,
    bootstrapSummary: 'Starting',
    circuits: { launched: 0, guard_wait: 0, extended: 0, built: 0 },
  });
  await tor.process.kill();
  assert.equal((await monitor.ended).code, 'ERR_TOR_CONTROL');
  assert.deepEqual(monitor.status, { state: 'down', bootstrapPercent: 0 });
});

test('the status is the latest of replies and events, even in the same chunk', async () => {
  await using tor = await startControlDouble({
    GETINFO: [
      ...GETINFO,
      '650 CIRC 8 CLOSED $AAAA~relay1 PURPOSE=GENERAL REASON=FINISHED',
      '650 STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=50 TAG=loading SUMMARY="Loading relay descriptors"',
    ],
  });
  const phases: string[] = [];
  const closing = new AbortController();
  const monitor = await openTorMonitor({
    ...options(tor.address, closing.signal),
    events: { ...NO_TOR_EVENTS, onBootstrap: (percent, summary) => phases.push(`${percent} ${summary}`) },
  });
  assert.deepEqual(phases, ['45 Asking for relay descriptors', '50 Loading relay descriptors']);
  assert.deepEqual(monitor.status.circuits, { launched: 1, guard_wait: 0, extended: 0, built: 0 });
  tor.send('650 CIRC 7 BUILT $AAAA~relay1 PURPOSE=GENERAL');
  await waitUntil('the event is processed', 5_000, () => monitor.status.circuits?.built === 1);
  closing.abort();
  await monitor.ended;
});

test('prepare runs before any other command, and if it rejects, nothing else is sent', async () => {
  await using tor = await startControlDouble();
  const refusal = new Error('not this one');
  const opening = openTorMonitor({
    ...options(tor.address, new AbortController().signal),
    onionAuths: [ONION_AUTH],
    prepare: () => Promise.reject(refusal),
  });
  await assert.rejects(opening, refusal);
  assert.deepEqual(
    tor.commands.map((command) => command.split(' ', 1).join()),
    ['PROTOCOLINFO', 'AUTHCHALLENGE', 'AUTHENTICATE'],
  );
});

test('a real Tor gets the keys, again when another program makes it forget them', async () => {
  await using tor = await startOfflineTor();
  const closing = new AbortController();
  const monitor = await openTorMonitor({ ...options(tor.control, closing.signal), onionAuths: [ONION_AUTH] });
  assert.deepEqual(await viewOnionAuths(tor.control), [SAME_ONION_AUTH_IN_TOR]);
  using other = await openControl({
    address: tor.control,
    clock: systemClock,
    random: systemRandom,
    onEvent: () => {},
  });
  for (const change of ['SETCONF MaxCircuitDirtiness=700', 'SIGNAL RELOAD', 'SIGNAL NEWNYM']) {
    await other.command(change);
    await waitUntil('tor has the key again', 5_000, async () => (await viewOnionAuths(tor.control)).length === 1);
  }
  closing.abort();
  await monitor.ended;
  assert.deepEqual(await viewOnionAuths(tor.control), [SAME_ONION_AUTH_IN_TOR]);
});

test('keys are installed after SETEVENTS, again at each event that makes Tor forget them', async () => {
  await using tor = await startControlDouble();
  const closing = new AbortController();
  await openTorMonitor({ ...options(tor.address, closing.signal), onionAuths: [ONION_AUTH] });
  const given = (): number => tor.commands.filter((command) => command === ONION_AUTH_COMMAND).length;
  assert.match(tor.commands[3] ?? '', /^SETEVENTS .*CONF_CHANGED SIGNAL/);
  assert.equal(tor.commands[4], ONION_AUTH_COMMAND);
  tor.send('650-CONF_CHANGED', '650-MaxCircuitDirtiness=700', '650 OK');
  await waitUntil('the key is given again', 5_000, () => given() === 2);
  tor.send('650 SIGNAL RELOAD');
  await waitUntil('the key is given again', 5_000, () => given() === 3);
  tor.send('650 SIGNAL NEWNYM');
  await waitUntil('the key is given again', 5_000, () => given() === 4);
  closing.abort();
});

test('a rejected key is reported without showing it, and Tor is followed nevertheless', async () => {
  await using tor = await startControlDouble({ ONION_CLIENT_AUTH_ADD: ['510 Unrecognized command'], GETINFO });
  const failures: Dns4torError[] = [];
  const closing = new AbortController();
  const monitor = await openTorMonitor({
    ...options(tor.address, closing.signal),
    onionAuths: [ONION_AUTH],
    events: { ...NO_TOR_EVENTS, onOnionAuthFailed: (error) => failures.push(error) },
  });
  assert.equal(monitor.status.bootstrapPercent, 45);
  assert.deepEqual(
    failures.map(({ code }) => code),
    ['ERR_TOR_ONION_AUTH'],
  );
  const [, key = ''] = ONION_AUTH_COMMAND.split('x25519:');
  assert.match(inspect(failures), /510 Unrecognized command/);
  assert.ok(!inspect(failures, { depth: null }).includes(key));
  closing.abort();
});

function newnyms(commands: readonly string[]): number {
  return commands.filter((command) => command === 'SIGNAL NEWNYM').length;
}

test('a real Tor that seems to refuse from memory gets NEWNYM, then the keys again', async () => {
  await using tor = await startOfflineTor();
  const closing = new AbortController();
  const told = Promise.withResolvers<void>();
  const monitor = await openTorMonitor({
    ...options(tor.control, closing.signal),
    onionAuths: [ONION_AUTH],
    events: { ...NO_TOR_EVENTS, onNewnym: told.resolve },
  });
  for (let i = 0; i < 2; i++) monitor.observe('ERR_TOR_HS_INTRO_FAILED');
  await told.promise;
  await waitUntil('tor has the key again', 5_000, async () => (await viewOnionAuths(tor.control)).length === 1);
  closing.abort();
});

test('NEWNYM is sent only when it is due', async () => {
  await using tor = await startControlDouble();
  const clock = new ManualClock();
  const closing = new AbortController();
  const monitor = await openTorMonitor({ ...options(tor.address, closing.signal), clock });
  monitor.observe('ERR_TOR_HS_INTRO_FAILED');
  monitor.observe('ok');
  for (let i = 0; i < 20; i++) monitor.observe('ERR_TOR_HS_INTRO_FAILED');
  await waitUntil('the signal is sent', 5_000, () => newnyms(tor.commands) > 0);
  clock.advance(30_000);
  for (let i = 0; i < 20; i++) monitor.observe('ERR_TOR_HS_INTRO_FAILED');
  await waitUntil('the signal is sent again', 5_000, () => newnyms(tor.commands) > 1);
  assert.equal(newnyms(tor.commands), 2);
  closing.abort();
});

test('a Tor that rejects NEWNYM gets it once', async () => {
  await using tor = await startControlDouble({ 'SIGNAL NEWNYM': ['510 Command filtered'] });
  const clock = new ManualClock();
  const closing = new AbortController();
  const refused: Dns4torError[] = [];
  const monitor = await openTorMonitor({
    ...options(tor.address, closing.signal),
    clock,
    events: { ...NO_TOR_EVENTS, onNewnymRefused: (error) => refused.push(error) },
  });
  for (let i = 0; i < 2; i++) monitor.observe('ERR_TOR_HS_INTRO_FAILED');
  await waitUntil('the refusal is reported', 5_000, () => refused.length > 0);
  clock.advance(60_000);
  monitor.observe('ERR_TOR_HS_INTRO_FAILED');
  assert.equal(newnyms(tor.commands), 1);
  assert.match(refused[0]?.message ?? '', /510 Command filtered/);
  closing.abort();
});

test('nothing is reported if the connection ends before Tor replies to NEWNYM', async () => {
  await using tor = await startControlDouble({ 'SIGNAL NEWNYM': [] });
  const told: unknown[] = [];
  const monitor = await openTorMonitor({
    ...options(tor.address, new AbortController().signal),
    events: { ...NO_TOR_EVENTS, onNewnym: () => told.push(0), onNewnymRefused: (error) => told.push(error) },
  });
  for (let i = 0; i < 2; i++) monitor.observe('ERR_TOR_HS_INTRO_FAILED');
  await waitUntil('the signal is sent', 5_000, () => newnyms(tor.commands) > 0);
  await tor.stop();
  await monitor.ended;
  await setImmediate();
  assert.deepEqual(told, []);
});
