import assert from 'node:assert/strict';
import { test } from 'node:test';
import { childEnvironment } from '../../src/lib/child-environment.ts';

test('a child sees no variable that sets an option, and all others', () => {
  const env = { PATH: '/bin', DNS4TOR_BRIDGE: 'secret', TUNNEL_DNS_PORT: '1', MY_DNS4TOR_BRIDGE: 'mine' };
  assert.deepEqual(childEnvironment(env), { PATH: '/bin', MY_DNS4TOR_BRIDGE: 'mine' });
});
