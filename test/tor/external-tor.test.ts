import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import type { Dns4torError } from '../../src/failures/errors.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { ExternalTor, type ExternalTorOptions } from '../../src/tor/external-tor.ts';
import { NO_TOR_EVENTS, type TorEvents } from '../../src/tor/tor-events.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import { startControlDouble } from './control-double.ts';
import { listen } from './listen.ts';
import { startOfflineTor } from './offline-tor.ts';
import { ONION_AUTH, SAME_ONION_AUTH_IN_TOR, viewOnionAuths } from './onion-auths.ts';
import { ONLINE } from './surroundings.ts';

const SOCKS = { kind: 'tcp', host: '127.0.0.1', port: 9 } as const;
const NOWHERE = { kind: 'unix', path: '/nonexistent/control' } as const;

function options(overrides: Partial<ExternalTorOptions> = {}): ExternalTorOptions {
  return {
    socks: SOCKS,
    control: { kind: 'none' },
    onionAuths: [],
    clock: systemClock,
    random: systemRandom,
    events: NO_TOR_EVENTS,
    surroundings: ONLINE,
    ...overrides,
  };
}

interface Recorder {
  readonly events: TorEvents;
  readonly controls: string[];
  readonly lost: { readonly error: Dns4torError; readonly retryInMs: number }[];
  readonly keyFailures: Dns4torError[];
}

function record(): Recorder {
  const controls: string[] = [];
  const lost: Recorder['lost'] = [];
  const keyFailures: Dns4torError[] = [];
  const events: TorEvents = {
    ...NO_TOR_EVENTS,
    onControl: (address) => controls.push(address),
    onControlLost: (error, retryInMs) => lost.push({ error, retryInMs }),
    onOnionAuthFailed: (error) => keyFailures.push(error),
  };
  return { events, controls, lost, keyFailures };
}

function phase(percent: number, summary: string): Record<string, readonly string[]> {
  const line = `250-status/bootstrap-phase=NOTICE BOOTSTRAP PROGRESS=${percent} TAG=tag SUMMARY="${summary}"`;
  return { 'GETINFO status': [line, '250 OK'] };
}

test('without a control port, dials determine the state', async () => {
  await using tor = await ExternalTor.open(options());
  assert.deepEqual(tor.status, { state: 'unknown', bootstrapPercent: 0 });
  tor.observe('ERR_TOR_TIMEOUT');
  assert.equal(tor.status.state, 'unknown');
  tor.observe('ok');
  assert.deepEqual(tor.status, { state: 'up', bootstrapPercent: 100 });
  tor.observe('ERR_TOR_UNREACHABLE');
  assert.deepEqual(tor.status, { state: 'down', bootstrapPercent: 0 });
  tor.observe('ERR_TOR_HS_INTRO_FAILED');
  assert.equal(tor.status.state, 'up');
});

test('auto finds the control port of the Tor in use among others, and gives only that Tor the keys', async () => {
  await using web = await listen(createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
  await using other = await startOfflineTor();
  await using used = await startOfflineTor();
  const { events, controls, keyFailures } = record();
  await using tor = await ExternalTor.open(
    options({
      socks: used.socks,
      control: { kind: 'auto' },
      usualControlAddresses: [NOWHERE, web.address, other.control, used.control],
      onionAuths: [ONION_AUTH],
      events,
    }),
  );
  assert.equal(tor.status.bootstrapSummary, 'Starting');
  assert.equal(controls.length, 1);
  assert.equal(controls[0], `unix:${used.control.kind === 'unix' && used.control.path}`);
  assert.deepEqual(await viewOnionAuths(used.control), [SAME_ONION_AUTH_IN_TOR]);
  assert.deepEqual(await viewOnionAuths(other.control), []);
  assert.deepEqual(keyFailures, []);
});

test('auto does not report a missing control port, and finds one that appears later', async () => {
  await using control = await startControlDouble({
    'GETINFO net/listeners/socks': ['250-net/listeners/socks="127.0.0.1:9"', '250 OK'],
    ...phase(45, 'Loading'),
  });
  await control.stop();
  const clock = new ManualClock();
  const { events, controls, lost } = record();
  await using tor = await ExternalTor.open(
    options({ control: { kind: 'auto' }, usualControlAddresses: [control.address], clock, events }),
  );
  assert.deepEqual([controls, lost], [[], []]);
  await control.start();
  clock.advance(1_000);
  await waitUntil('the control port is found', 5_000, () => controls.length === 1);
  assert.equal(tor.status.bootstrapPercent, 45);
});

test('a restarted Tor is followed again, with pauses that grow to 30 seconds', async () => {
  await using control = await startControlDouble(phase(45, 'Loading'));
  const clock = new ManualClock();
  const random = { ...systemRandom, fraction: () => 1 };
  const { events, controls, lost } = record();
  await using tor = await ExternalTor.open(options({ control: control.address, clock, random, events }));
  tor.observe('ok');
  assert.equal(tor.status.bootstrapPercent, 45);

  await control.stop();
  await waitUntil('the loss is reported', 5_000, () => lost.length === 1);
  assert.deepEqual(tor.status, { state: 'unknown', bootstrapPercent: 0 });
  for (let tries = 1; tries < 7; tries++) {
    clock.advance(lost.at(-1)?.retryInMs ?? 0);
    await waitUntil('the control port is tried again', 5_000, () => lost.length === tries + 1);
  }
  assert.deepEqual(
    lost.map(({ retryInMs }) => retryInMs),
    [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000],
  );
  await control.start();
  clock.advance(30_000);
  await waitUntil('Tor is followed again', 5_000, () => controls.length === 2);
  assert.equal(tor.status.bootstrapPercent, 45);
  await control.stop();
  await waitUntil('the loss is reported', 5_000, () => lost.length === 8);
  assert.equal(lost.at(-1)?.retryInMs, 1_000);
});

test('an unusable configured control port is reported with the reason', async () => {
  const { events, lost } = record();
  await using tor = await ExternalTor.open(options({ control: NOWHERE, events }));
  assert.equal(tor.status.state, 'unknown');
  assert.match(lost[0]?.error.message ?? '', /^unix:\/nonexistent\/control \(ENOENT\): /);
});

test('a start waits at most two seconds for a silent control port', async () => {
  await using silent = await listen(createServer());
  const clock = new ManualClock();
  const opening = ExternalTor.open(options({ control: silent.address, clock }));
  clock.advance(2_000);
  await using tor = await opening;
  assert.equal(tor.status.state, 'unknown');
});

test('without a control port, missing keys are reported once, when an onion service asks for one', async () => {
  const { events, keyFailures } = record();
  await using tor = await ExternalTor.open(options({ onionAuths: [ONION_AUTH], events }));
  tor.observe('ERR_TOR_HS_INTRO_FAILED');
  tor.observe('ok');
  assert.equal(keyFailures.length, 0);
  tor.observe('ERR_TOR_HS_AUTH_MISSING');
  tor.observe('ERR_TOR_HS_AUTH_WRONG');
  assert.equal(keyFailures.length, 1);
  assert.match(keyFailures[0]?.message ?? '', /^Tor at 127\.0\.0\.1:9: .*ClientOnionAuthDir/);
});

test('a refusal by an onion service reports no missing key if Tor has the keys or none are configured', async () => {
  await using control = await startControlDouble(phase(100, 'Done'));
  const { events, keyFailures } = record();
  await using followed = await ExternalTor.open(
    options({ control: control.address, onionAuths: [ONION_AUTH], events }),
  );
  followed.observe('ERR_TOR_HS_AUTH_WRONG');
  await using keyless = await ExternalTor.open(options({ events }));
  keyless.observe('ERR_TOR_HS_AUTH_MISSING');
  assert.deepEqual(keyFailures, []);
});

test('a followed Tor gets NEWNYM when every introduction fails', async () => {
  await using control = await startControlDouble(phase(100, 'Done'));
  await using tor = await ExternalTor.open(options({ control: control.address }));
  for (let i = 0; i < 2; i++) tor.observe('ERR_TOR_HS_INTRO_FAILED');
  await waitUntil('NEWNYM is sent', 5_000, () => control.commands.includes('SIGNAL NEWNYM'));
});

test('for a Tor on another machine, auto looks for no control port on this one', async () => {
  await using control = await startControlDouble();
  const socks = { kind: 'tcp', host: '192.0.2.1', port: 9050 } as const;
  const auto = { control: { kind: 'auto' }, usualControlAddresses: [control.address] } as const;
  await using tor = await ExternalTor.open(options({ socks, ...auto }));
  assert.equal(tor.status.state, 'unknown');
  assert.deepEqual(control.commands, []);
});

test('disposing closes the connection and cancels every timer', async () => {
  await using control = await startControlDouble(phase(45, 'Loading'));
  const clock = new ManualClock();
  const followed = await ExternalTor.open(options({ control: control.address, clock }));
  await followed[Symbol.asyncDispose]();
  const waiting = await ExternalTor.open(options({ control: NOWHERE, clock }));
  await waiting[Symbol.asyncDispose]();
  assert.equal(clock.pendingTimers, 0);
});
