import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTorAddress } from '../../src/model/tor-address.ts';

test('an address is formatted as --tor-socks takes it', () => {
  assert.equal(formatTorAddress({ kind: 'tcp', host: '127.0.0.1', port: 9050 }), '127.0.0.1:9050');
  assert.equal(formatTorAddress({ kind: 'tcp', host: '::1', port: 9050 }), '[::1]:9050');
  assert.equal(formatTorAddress({ kind: 'unix', path: '/run/tor/socks' }), 'unix:/run/tor/socks');
});
