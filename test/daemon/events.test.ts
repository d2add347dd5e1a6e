import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { alternativeEvents, connectionEvents, type TorEventComponents, torEvents } from '../../src/daemon/events.ts';
import { Dns4torError } from '../../src/failures/errors.ts';
import { failureText } from '../../src/failures/failures.ts';
import { createLogger, type Logger, messageOf } from '../../src/log/logger.ts';
import { createCounters } from '../../src/metrics/counters.ts';
import type { TorStatus } from '../../src/model/tor-status.ts';
import type { TorEvents } from '../../src/tor/tor-events.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';

const URL = 'https://resolver.test/dns-query';
const UP: TorStatus = { state: 'up', bootstrapPercent: 100, bootstrapSummary: 'Done' };

function recordingLogger(): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  // Without the timestamp.
  const logger = createLogger('debug', 'default', new ManualClock(), (line) => lines.push(line.slice(21).trimEnd()));
  return { logger, lines };
}

function eventsOf(logger: Logger, components: Partial<TorEventComponents> = {}): TorEvents {
  return torEvents({
    logger,
    metrics: createCounters([], 0),
    torStatus: () => UP,
    advise: async (trouble) => trouble,
    ...components,
  });
}

test('a repeated failure is a warning once, until it changes or ends', () => {
  const { logger, lines } = recordingLogger();
  const events = connectionEvents(logger, createCounters(['resolver.test:443'], 1), () => UP, URL, 0);
  const unreachable = new Dns4torError('ERR_TOR_UNREACHABLE');
  events.connectFailed(unreachable, 250);
  events.connectFailed(unreachable, 500);
  events.connectFailed(new Dns4torError('ERR_TLS_PIN'), 1000);
  events.connected(1234);
  events.connected(1000);
  events.connectFailed(new Dns4torError('ERR_TLS_PIN'), 250);
  const level = lines.map((line) => line.slice(0, 3));
  assert.deepEqual(level, ['WRN', 'DBG', 'WRN', 'INF', 'DBG', 'WRN']);
  const reason = failureText('ERR_TOR_UNREACHABLE');
  const expected = `WRN Cannot connect to DNS upstream: ${reason} url=${URL} code=ERR_TOR_UNREACHABLE retry_seconds=0.3`;
  assert.equal(lines[0], expected);
  assert.equal(lines[3], `INF Connected to DNS upstream url=${URL} seconds=1.2`);
});

test('while Tor bootstraps or is stuck, failures that follow from it are not worth a warning', () => {
  const { logger, lines } = recordingLogger();
  let status: TorStatus = { state: 'bootstrapping', bootstrapPercent: 45, bootstrapSummary: 'Asking for relays' };
  const events = connectionEvents(logger, createCounters(['resolver.test:443'], 1), () => status, URL, 0);
  events.connectFailed(new Dns4torError('ERR_TOR_UNREACHABLE'), 250);
  status = { state: 'stuck', bootstrapPercent: 45, trouble: new Dns4torError('ERR_TOR_BLOCKED') };
  events.connectFailed(new Dns4torError('ERR_TOR_TIMEOUT'), 500);
  events.connectFailed(new Dns4torError('ERR_TLS_PIN'), 500);
  status = UP;
  events.connectFailed(new Dns4torError('ERR_TOR_TIMEOUT'), 500);
  // Without a control port, only dials tell Tor's state.
  status = { state: 'down', bootstrapPercent: 0 };
  events.connectFailed(new Dns4torError('ERR_TOR_UNREACHABLE'), 500);
  assert.deepEqual(
    lines.map((line) => `${line.slice(0, 3)} ${/code=(\w+)/.exec(line)?.[1]}`),
    [
      'DBG ERR_TOR_UNREACHABLE',
      'DBG ERR_TOR_TIMEOUT',
      'WRN ERR_TLS_PIN',
      'WRN ERR_TOR_TIMEOUT',
      'WRN ERR_TOR_UNREACHABLE',
    ],
  );
});

test('a stuck Tor is a warning with the advice and the code, and its progress one line', async () => {
  const { logger, lines } = recordingLogger();
  const trouble = new Dns4torError('ERR_TOR_BLOCKED', 'Tor is stuck at 5 %');
  const advised = new Dns4torError('ERR_TOR_BLOCKED', 'Tor is stuck at 5 %', undefined, 'pause');
  const status: TorStatus = { state: 'stuck', bootstrapPercent: 5, trouble };
  const events = eventsOf(logger, { torStatus: () => status, advise: async () => advised });
  events.onStuck(trouble, 20_000);
  await turn();
  events.onUnstuck(31_500, 14);
  assert.deepEqual(lines, [
    `WRN ${messageOf('tor_stuck', { reason: advised.message })} code=ERR_TOR_BLOCKED percent=5 seconds=20`,
    `INF ${messageOf('tor_unstuck', {})} percent=14 seconds=31.5`,
  ]);
});

test('a Tor that goes on before the advice is known is not called stuck', async () => {
  const { logger, lines } = recordingLogger();
  eventsOf(logger).onStuck(new Dns4torError('ERR_TOR_BLOCKED'), 20_000);
  await turn();
  assert.deepEqual(lines, []);
});

test('warnings of a Tor that is not up are counted, and only an error is worth more than a debug line', () => {
  const { logger, lines } = recordingLogger();
  const counters = createCounters([], 0);
  const stuck: TorStatus = { state: 'stuck', bootstrapPercent: 5, trouble: new Dns4torError('ERR_TOR_BLOCKED') };
  const events = eventsOf(logger, { metrics: counters, torStatus: () => stuck });
  for (const severity of ['notice', 'warn', 'warn', 'err'] as const) events.onLog({ severity, message: 'hello' });
  assert.deepEqual(
    lines.map((line) => line.slice(0, 3)),
    ['DBG', 'DBG', 'DBG', 'ERR'],
  );
  const counted = counters.totals.torLogLines.entries().filter(({ count }) => count > 0);
  assert.deepEqual(
    counted.map(({ labels, count }) => [labels['severity'], count]),
    [
      ['notice', 1],
      ['warn', 2],
      ['err', 1],
    ],
  );
});

test('every connection attempt is counted by its outcome', () => {
  const counters = createCounters(['first.test:443', 'resolver.test:443'], 1);
  const events = connectionEvents(recordingLogger().logger, counters, () => UP, URL, 1);
  events.connectFailed(new Dns4torError('ERR_TLS_PIN'), 250);
  events.connectFailed(new Dns4torError('ERR_TLS_PIN'), 500);
  events.connected(1);
  const counted = counters.totals.connects.entries().filter(({ count }) => count > 0);
  assert.deepEqual(
    counted.map(({ labels, count }) => [labels['upstream'], labels['outcome'], count]),
    [
      ['resolver.test:443', 'ok', 1],
      ['resolver.test:443', 'tls_pin', 2],
    ],
  );
});

test("Tor's log lines keep their severity, and its end is an error with the time until the restart", () => {
  const { logger, lines } = recordingLogger();
  const events = eventsOf(logger);
  for (const severity of ['notice', 'warn', 'err'] as const) events.onLog({ severity, message: 'hello' });
  events.onBootstrap(45, 'Asking for relays');
  events.onExit(new Dns4torError('ERR_TOR_MANAGED'), 2000);
  assert.deepEqual(lines, [
    'DBG Tor says: hello',
    'WRN Tor says: hello',
    'ERR Tor says: hello',
    'INF Tor is at 45 %: Asking for relays',
    `ERR Tor ended: ${failureText('ERR_TOR_MANAGED')} code=ERR_TOR_MANAGED restart_seconds=2`,
  ]);
});

test('bootstrap progress is logged every five per cent, at the end, and when it starts again', () => {
  const { logger, lines } = recordingLogger();
  const events = eventsOf(logger);
  for (const percent of [0, 1, 4, 5, 9, 50, 54, 96, 99, 100, 100, 0]) events.onBootstrap(percent, 'Going');
  assert.deepEqual(
    lines.map((line) => Number(/ (\d+) %/.exec(line)?.[1])),
    [0, 5, 50, 96, 100, 0],
  );
});

test('nothing is logged for a Tor that is already bootstrapped when it is found', () => {
  const { logger, lines } = recordingLogger();
  eventsOf(logger).onBootstrap(100, 'Done');
  assert.deepEqual(lines, []);
});

test('the control port in use is logged, and its loss is one warning per reason', () => {
  const { logger, lines } = recordingLogger();
  const events = eventsOf(logger);
  const refused = new Dns4torError('ERR_TOR_CONTROL', '127.0.0.1:9051 (ECONNREFUSED)');
  events.onControl('127.0.0.1:9051');
  events.onControlLost(refused, 1000);
  events.onControlLost(refused, 2000);
  events.onControl('127.0.0.1:9051');
  events.onControlLost(refused, 1000);
  assert.deepEqual(
    lines.map((line) => line.slice(0, 3)),
    ['INF', 'WRN', 'DBG', 'INF', 'WRN'],
  );
  assert.equal(lines[0], `INF ${messageOf('tor_followed', { address: '127.0.0.1:9051' })}`);
  assert.equal(
    lines[1],
    `WRN ${messageOf('tor_lost', { reason: refused.message })} code=ERR_TOR_CONTROL retry_seconds=1`,
  );
});

test('a key that Tor does not have is a warning that says what to do', () => {
  const { logger, lines } = recordingLogger();
  eventsOf(logger).onOnionAuthFailed(new Dns4torError('ERR_TOR_ONION_AUTH'));
  assert.match(lines.join(), /^WRN .*ClientOnionAuthDir.* code=ERR_TOR_ONION_AUTH$/);
});

test('a NEWNYM signal is logged and counted, and its refusal is logged', () => {
  const { logger, lines } = recordingLogger();
  const counters = createCounters([], 0);
  const events = eventsOf(logger, { metrics: counters });
  events.onNewnym();
  events.onNewnymRefused(new Dns4torError('ERR_TOR_CONTROL', '510 Command filtered'));
  assert.equal(lines[0], `INF ${messageOf('newnym_sent', {})}`);
  assert.match(lines[1] ?? '', /^WRN .*510 Command filtered.* code=ERR_TOR_CONTROL$/);
  assert.deepEqual(
    counters.totals.newnyms.entries().map(({ count }) => count),
    [1],
  );
});

test('a display replaces the log lines about progress, but not the one that says why Tor is stuck', async () => {
  const { logger, lines } = recordingLogger();
  const shown: unknown[] = [];
  let status: TorStatus = { state: 'bootstrapping', bootstrapPercent: 5, bootstrapSummary: 'Connecting' };
  const events = eventsOf(logger, {
    torStatus: () => status,
    display: {
      showBootstrap: (percent, summary, isStuck) => shown.push([percent, summary, isStuck]),
      clear: () => shown.push('cleared'),
    },
  });
  events.onBootstrap(5, 'Connecting');
  assert.equal(lines.length, 0);

  const trouble = new Dns4torError('ERR_TOR_BLOCKED');
  status = { ...status, state: 'stuck', trouble };
  events.onStuck(trouble, 20_000);
  await turn();
  assert.equal(lines.length, 1);
  assert.ok(lines[0]?.includes(trouble.message), lines[0]);

  status = { state: 'bootstrapping', bootstrapPercent: 14, bootstrapSummary: 'Handshaking' };
  events.onUnstuck(31_500, 14);
  events.onExit(new Dns4torError('ERR_TOR_MANAGED'), 2000);
  assert.deepEqual(shown, [[5, 'Connecting', false], [5, 'Connecting', true], [14, 'Handshaking', false], 'cleared']);
});

test('a display shows no progress of a Tor that is not followed any more', () => {
  const shown: string[] = [];
  const display = { showBootstrap: () => {}, clear: () => shown.push('cleared') };
  eventsOf(recordingLogger().logger, { display }).onControlLost(new Dns4torError('ERR_TOR_CONTROL'), 1000);
  assert.deepEqual(shown, ['cleared']);
});

test("the use of an upstream's onion services is logged when it changes", () => {
  const { logger, lines } = recordingLogger();
  const events = alternativeEvents(logger, URL);
  const down = new Dns4torError('ERR_TOR_HS_DESC_NOT_FOUND');
  events.discovered(10);
  events.discovered(10);
  events.connected();
  events.connected();
  events.failed(down);
  events.failed(down);
  events.connected();
  assert.deepEqual(
    lines.map((line) => line.slice(0, 3)),
    ['INF', 'DBG', 'INF', 'DBG', 'WRN', 'DBG', 'INF'],
  );
  assert.equal(lines[0], `INF ${messageOf('onions_offered', {})} url=${URL} onions=10`);
});
