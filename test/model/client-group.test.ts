import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientGroup, LOCAL_GROUP } from '../../src/model/client-group.ts';

test('each IPv4 address is a client, also in IPv4-mapped form', () => {
  assert.equal(clientGroup('192.0.2.1'), '192.0.2.1');
  assert.equal(clientGroup('::ffff:192.0.2.1'), '192.0.2.1');
  assert.notEqual(clientGroup('192.0.2.1'), clientGroup('192.0.2.2'));
});

test('the addresses of one /64 are one client, and those of another /64 are another', () => {
  const group = clientGroup('2001:db8:0:7::1');
  for (const address of [
    '2001:db8:0:7::2',
    '2001:db8:0:7:a:b:c:d',
    '2001:db8::7:0:0:0:1',
    '2001:0db8:0:0007::',
    '2001:db8:0:7::192.0.2.1',
    '2001:DB8:0:7::1%eth0',
  ]) {
    assert.equal(clientGroup(address), group, address);
  }
  for (const address of ['2001:db8:0:8::1', '2001:db8::1', '2001:db8:0:70::1']) {
    assert.notEqual(clientGroup(address), group, address);
  }
});

test('all of loopback is one client', () => {
  for (const address of ['127.0.0.1', '127.3.2.1', '::1', '::ffff:127.0.0.1']) {
    assert.equal(clientGroup(address), LOCAL_GROUP, address);
  }
});

test('each link-local address is a client of its own, because every link has the same prefix', () => {
  assert.notEqual(clientGroup('fe80::1%eth0'), clientGroup('fe80::2%eth0'));
  assert.notEqual(clientGroup('fe80::1%eth0'), clientGroup('fe80::1%eth1'));
});

test('text that is not an address is its own client', () => {
  assert.equal(clientGroup('somebody'), 'somebody');
});
