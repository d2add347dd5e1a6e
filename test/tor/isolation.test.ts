import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemRandom } from '../../src/lib/random.ts';
import { createIsolationCredentials } from '../../src/tor/isolation.ts';

test('each identity has a username and a password of its own, neither empty nor one of the forms that Tor interprets', () => {
  const [one, two] = [createIsolationCredentials(systemRandom), createIsolationCredentials(systemRandom)];
  const secrets = [one.username, one.password, two.username, two.password];
  for (const secret of secrets) assert.match(secret, /^[0-9a-f]{32}$/);
  assert.equal(new Set(secrets).size, secrets.length);
});
