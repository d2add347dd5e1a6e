import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type NotifyRequest, takeNotifyRequest } from '../../../src/daemon/notify/notify-socket.ts';

const PID = 4711;
const SOCKET = '/run/systemd/notify';

function take(env: Record<string, string>): NotifyRequest | undefined {
  return takeNotifyRequest(env, PID);
}

test('without a socket nothing is notified, even if a watchdog is set', () => {
  assert.equal(take({}), undefined);
  assert.equal(take({ WATCHDOG_USEC: '60000000' }), undefined);
});

test('the socket is a path or an abstract name; other kinds are left alone', () => {
  for (const socket of [SOCKET, '@abstract']) {
    assert.deepEqual(take({ NOTIFY_SOCKET: socket }), { socket, watchdogMs: undefined });
  }
  for (const socket of ['', 'notify', '/', '@', 'vsock:2:1234', `/${'x'.repeat(107)}`]) {
    assert.equal(take({ NOTIFY_SOCKET: socket }), undefined, socket);
  }
});

test('the watchdog counts in microseconds, and only for this process', () => {
  const watchdog = (variables: Record<string, string>): number | undefined =>
    take({ NOTIFY_SOCKET: SOCKET, ...variables })?.watchdogMs;
  assert.equal(watchdog({ WATCHDOG_USEC: '60000000', WATCHDOG_PID: String(PID) }), 60_000);
  assert.equal(watchdog({ WATCHDOG_USEC: '1500' }), 1.5);
  assert.equal(watchdog({ WATCHDOG_USEC: '60000000', WATCHDOG_PID: '1' }), undefined);
  for (const micros of ['0', '', '-1', '1e6', 'x', '9'.repeat(16)]) {
    assert.equal(watchdog({ WATCHDOG_USEC: micros, WATCHDOG_PID: String(PID) }), undefined, micros);
  }
});

test('child processes do not see the variables', () => {
  const env = { NOTIFY_SOCKET: SOCKET, WATCHDOG_USEC: '1', WATCHDOG_PID: '1', PATH: '/bin' };
  takeNotifyRequest(env, PID);
  assert.deepEqual(env, { PATH: '/bin' });
});
