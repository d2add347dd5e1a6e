import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatHostPort } from '../../src/lib/host-port.ts';

test('only an IPv6 address is put into brackets before its port', () => {
  assert.equal(formatHostPort('::1', 53), '[::1]:53');
  assert.equal(formatHostPort('127.0.0.1', 53), '127.0.0.1:53');
  assert.equal(formatHostPort('localhost', 0), 'localhost:0');
});
