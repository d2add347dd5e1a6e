import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionEvents, torEvents } from '../../src/daemon/events.ts';
import { Dns4torError, FAILURES } from '../../src/lib/errors.ts';
import { createLogger, type Logger } from '../../src/lib/logger.ts';
import { createCounters } from '../../src/metrics/counters.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';

const URL = 'https://resolver.test/dns-query';

function recordingLogger(): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  // Without the time, which stands in front and has a length of its own.
  const logger = createLogger('debug', 'default', new ManualClock(), (line) => lines.push(line.slice(21).trimEnd()));
  return { logger, lines };
}

test('a failure that repeats is a warning once, until it changes or ends', () => {
  const { logger, lines } = recordingLogger();
  const events = connectionEvents(logger, createCounters(['resolver.test:443']), URL, 0);
  const unreachable = new Dns4torError('ERR_TOR_UNREACHABLE');
  events.connectFailed(unreachable, 250);
  events.connectFailed(unreachable, 500);
  events.connectFailed(new Dns4torError('ERR_TLS_PIN'), 1000);
  events.connected(1234);
  events.connected(1000);
  events.connectFailed(new Dns4torError('ERR_TLS_PIN'), 250);
  const level = lines.map((line) => line.slice(0, 3));
  assert.deepEqual(level, ['WRN', 'DBG', 'WRN', 'INF', 'DBG', 'WRN']);
  const { sentence } = FAILURES.ERR_TOR_UNREACHABLE;
  const expected = `WRN Cannot connect to DNS upstream: ${sentence} url=${URL} code=ERR_TOR_UNREACHABLE retry_seconds=0.3`;
  assert.equal(lines[0], expected);
  assert.equal(lines[3], `INF Connected to DNS upstream url=${URL} seconds=1.2`);
});

test('every attempt to connect is counted, by how it ended', () => {
  const counters = createCounters(['first.test:443', 'resolver.test:443']);
  const events = connectionEvents(recordingLogger().logger, counters, URL, 1);
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

test("tor's lines keep their severity, and its end is an error that says when it is started again", () => {
  const { logger, lines } = recordingLogger();
  const events = torEvents(logger, undefined);
  for (const severity of ['notice', 'warn', 'err'] as const) events.onLog({ severity, message: 'hello' });
  events.onBootstrap(45, 'Asking for relays');
  events.onExit(new Dns4torError('ERR_TOR_MANAGED'), 2000);
  assert.deepEqual(lines, [
    'DBG Tor says: hello',
    'WRN Tor says: hello',
    'ERR Tor says: hello',
    'INF Tor is at 45 %: Asking for relays',
    `ERR Tor ended: ${FAILURES.ERR_TOR_MANAGED.sentence} code=ERR_TOR_MANAGED restart_seconds=2`,
  ]);
});

test('a display takes the place of the lines about how far tor has come', () => {
  const { logger, lines } = recordingLogger();
  const shown: unknown[] = [];
  torEvents(logger, (percent, summary) => shown.push([percent, summary])).onBootstrap(45, 'Asking for relays');
  assert.deepEqual(shown, [[45, 'Asking for relays']]);
  assert.deepEqual(lines, []);
});
