import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAccessList } from '../../src/listener/access-list.ts';

test('without a list, only this machine is allowed', () => {
  const isAllowed = createAccessList([]);
  assert.ok(isAllowed('127.0.0.1') && isAllowed('127.9.9.9') && isAllowed('::1'));
  assert.ok(!isAllowed('192.0.2.1') && !isAllowed('2001:db8::1') && !isAllowed('128.0.0.1'));
});

test('a block allows exactly its addresses', () => {
  const isAllowed = createAccessList([
    { address: '192.0.2.64', prefix: 26, family: 4 },
    { address: '2001:db8::', prefix: 32, family: 6 },
  ]);
  assert.ok(isAllowed('192.0.2.64') && isAllowed('192.0.2.127'));
  for (let i = 0; i < 3; i++)
    assert.ok(isAllowed('192.0.2.64') && !isAllowed('192.0.2.63') && !isAllowed('192.0.2.63'));
  assert.ok(!isAllowed('192.0.2.63') && !isAllowed('192.0.2.128'));
  assert.ok(isAllowed('2001:db8:ffff::1') && !isAllowed('2001:db9::1'));
});

test('an IPv6 address with a zone is matched without it', () => {
  assert.ok(createAccessList([{ address: 'fe80::', prefix: 10, family: 6 }])('fe80::1%eth0'));
});
