import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isTrustedCookie } from '../../../src/tor/control/control-cookie.ts';

const TCP = { kind: 'tcp', host: '127.0.0.1', port: 9051 } as const;
const UNIX = { kind: 'unix', path: '/srv/tor/control' } as const;
const [ROOT, US, TOR, MALLORY] = [0, 1000, 105, 1001];

test("a cookie of root's, of our own, or where a system's tor keeps it, is believed", () => {
  assert.ok(isTrustedCookie('/home/me/tor-browser/control_auth_cookie', US, US, TCP));
  assert.ok(isTrustedCookie('/opt/tor/control_auth_cookie', ROOT, US, TCP));
  assert.ok(isTrustedCookie('/run/tor/control.authcookie', TOR, US, TCP));
});

test('a cookie that another user has put elsewhere is not: he may be listening where Tor should', () => {
  assert.ok(!isTrustedCookie('/tmp/control_auth_cookie', MALLORY, US, TCP));
  assert.ok(!isTrustedCookie('/tmp/run/tor/control.authcookie', MALLORY, US, TCP));
});

test('a cookie beside the socket is believed as the socket is, one elsewhere is not', () => {
  assert.ok(isTrustedCookie('/srv/tor/control_auth_cookie', TOR, US, UNIX));
  assert.ok(!isTrustedCookie('/srv/control_auth_cookie', TOR, US, UNIX));
});
