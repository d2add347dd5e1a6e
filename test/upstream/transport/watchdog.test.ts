import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Watchdog } from '../../../src/upstream/transport/watchdog.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';

const SILENCE_MS = 12_000;
const POLL_MS = 2000;

interface Kennel {
  readonly clock: ManualClock;
  readonly watchdog: Watchdog;
  /** State of the simulated connection. */
  readonly connection: { bytes: number; waiting: boolean; silences: number };
}

function startWatchdog(): Kennel {
  const clock = new ManualClock();
  const connection = { bytes: 0, waiting: true, silences: 0 };
  const watchdog = new Watchdog(
    clock,
    { silenceMs: SILENCE_MS, pollMs: POLL_MS },
    {
      bytesRead: () => connection.bytes,
      isWaiting: () => connection.waiting,
      onSilent: () => connection.silences++,
    },
  );
  return { clock, watchdog, connection };
}

test('silence is reported once, after it has lasted while a query waits', () => {
  const { clock, watchdog, connection } = startWatchdog();
  watchdog.watch();
  clock.advance(SILENCE_MS - 1);
  assert.equal(connection.silences, 0);
  clock.advance(1 + 10 * SILENCE_MS);
  assert.equal(connection.silences, 1);
  assert.equal(clock.pendingTimers, 0);
});

test('a received byte restarts the time; another query does not', () => {
  const { clock, watchdog, connection } = startWatchdog();
  watchdog.watch();
  clock.advance(SILENCE_MS - POLL_MS);
  connection.bytes++;
  clock.advance(POLL_MS);
  watchdog.watch();
  clock.advance(SILENCE_MS - 1);
  assert.equal(connection.silences, 0);
  clock.advance(1);
  assert.equal(connection.silences, 1);
});

test('no timer runs while no query waits, and earlier silence does not count', () => {
  const { clock, watchdog, connection } = startWatchdog();
  watchdog.watch();
  clock.advance(SILENCE_MS - POLL_MS - 1);
  connection.waiting = false;
  clock.advance(POLL_MS);
  assert.equal(clock.pendingTimers, 0);
  connection.waiting = true;
  watchdog.watch();
  clock.advance(SILENCE_MS - 1);
  assert.equal(connection.silences, 0);
});

test('a cancelled watchdog reports nothing and leaves no timer', () => {
  const { clock, watchdog, connection } = startWatchdog();
  watchdog.watch();
  watchdog.cancel();
  assert.equal(clock.pendingTimers, 0);
  clock.advance(2 * SILENCE_MS);
  assert.equal(connection.silences, 0);
});
