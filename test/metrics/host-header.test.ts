import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAllowedHost } from '../../src/metrics/host-header.ts';

test('a server on loopback answers to localhost and loopback addresses, with any port', () => {
  for (const host of ['localhost', 'LocalHost:9100', '127.0.0.1', '127.0.0.53:9100', '[::1]', '[::1]:9100']) {
    assert.ok(isAllowedHost(host, '127.0.0.1'), host);
    assert.ok(isAllowedHost(host, '::1'), host);
  }
});

test('no server answers to a name, not even one that looks like an address', () => {
  const hosts = [
    'rebound.example',
    'rebound.example:9100',
    '127.0.0.1.rebound.example',
    'localhost.rebound.example',
    'localhost@rebound.example',
    '127.1',
    '2130706433',
    '::1',
    '[::1].rebound.example',
    '[localhost',
    '',
    ':9100',
    '127.0.0.1:9100:9100',
    '127.0.0.1 rebound.example',
  ];
  for (const host of hosts) {
    for (const listening of ['127.0.0.1', '0.0.0.0', '::']) assert.ok(!isAllowedHost(host, listening), host);
  }
});

test('another address is that of a server on the network, and a stranger to one on loopback', () => {
  for (const host of ['192.168.1.2', '192.168.1.2:9100', '[2001:db8::1]:9100']) {
    assert.ok(!isAllowedHost(host, '127.0.0.1'), host);
    assert.ok(isAllowedHost(host, '0.0.0.0'), host);
    assert.ok(isAllowedHost(host, '192.168.1.2'), host);
    assert.ok(isAllowedHost(host, '::'), host);
  }
});

test('a request without a Host header, which no browser sends, is answered', () => {
  assert.ok(isAllowedHost(undefined, '127.0.0.1'));
});
