import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemRandom } from '../../../src/lib/random.ts';
import { createIsolationCredentials, SharedIdentities } from '../../../src/tor/socks/isolation-credentials.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';

const MAX_AGE_MS = 300_000;

test('credentials have a unique user name and password, neither empty nor in a format that Tor interprets', () => {
  const [one, two] = [createIsolationCredentials(systemRandom), createIsolationCredentials(systemRandom)];
  const secrets = [one.username, one.password, two.username, two.password];
  for (const secret of secrets) assert.match(secret, /^[0-9a-f]{32}$/);
  assert.equal(new Set(secrets).size, secrets.length);
});

/** Returns the credentials for the next connection of one upstream. */
type Source = ReturnType<SharedIdentities['createSource']>;

const take = (source: Source, count: number): string[] => Array.from({ length: count }, () => source().username);

test('the n-th connections of all upstreams share credentials, and no upstream gets any twice', () => {
  const shared = new SharedIdentities(new ManualClock(), systemRandom, MAX_AGE_MS);
  const [one, two] = [shared.createSource(), shared.createSource()];
  const first = take(one, 3);
  assert.equal(new Set(first).size, 3);
  assert.deepEqual(take(two, 2), first.slice(0, 2));
  const [fourth = ''] = take(one, 1);
  assert.ok(!first.includes(fourth));
  assert.deepEqual(take(two, 2), [first[2], fourth]);
});

test('credentials are shared until their maximum age', () => {
  const clock = new ManualClock();
  const shared = new SharedIdentities(clock, systemRandom, MAX_AGE_MS);
  const [one, two, three] = [shared.createSource(), shared.createSource(), shared.createSource()];
  const [old] = take(one, 1);
  clock.advance(MAX_AGE_MS - 1);
  assert.deepEqual(take(two, 1), [old]);
  clock.advance(1);
  const [young] = take(three, 1);
  assert.notEqual(young, old);
  assert.deepEqual(take(one, 1), [young]);
});

test('after a renewal, no earlier credentials are handed out', () => {
  const shared = new SharedIdentities(new ManualClock(), systemRandom, MAX_AGE_MS);
  const [one, two] = [shared.createSource(), shared.createSource()];
  const old = take(one, 3);
  shared.renew();
  const renewed = take(two, 3);
  assert.equal(new Set([...old, ...renewed]).size, 6);
  assert.deepEqual(take(one, 3), renewed);
});
