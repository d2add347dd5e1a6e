import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askTor } from '../../src/check/ask-tor.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { type Script, startControlDouble } from '../tor/control-double.ts';
import { startOfflineTor } from '../tor/offline-tor.ts';
import { addOnionAuth, ONION_AUTH, OTHER_KEY, SAME_ONION_AUTH_IN_TOR, viewOnionAuths } from '../tor/onion-auths.ts';

const COMPONENTS = { clock: systemClock, random: systemRandom };
const SOCKS = { kind: 'tcp', host: '127.0.0.1', port: 9 } as const;

const CONNECTED: Script = {
  'GETINFO status/bootstrap-phase': [
    '250-status/bootstrap-phase=NOTICE BOOTSTRAP PROGRESS=100 TAG=done SUMMARY="Done"',
    '250 OK',
  ],
  'GETINFO status/circuit-established': ['250-status/circuit-established=1', '250 OK'],
  'GETINFO consensus/valid-after': ['250-consensus/valid-after=2026-01-02 03:00:00', '250 OK'],
  'GETINFO consensus/valid-until': ['250-consensus/valid-until=2026-01-02 06:00:00', '250 OK'],
};

test('Tor reports its status and the validity of its consensus', async () => {
  await using control = await startControlDouble(CONNECTED);
  const answers = await askTor(COMPONENTS, { socks: SOCKS, control: control.address }, []);
  assert.equal(answers.status.state, 'up');
  assert.equal(answers.status.bootstrapPercent, 100);
  assert.deepEqual(answers.consensus, {
    validAfterEpochMs: Date.UTC(2026, 0, 2, 3),
    validUntilEpochMs: Date.UTC(2026, 0, 2, 6),
  });
});

test('a Tor without a consensus reports its phase', async () => {
  await using control = await startControlDouble({
    'GETINFO status/bootstrap-phase': [
      '250-status/bootstrap-phase=WARN BOOTSTRAP PROGRESS=14 TAG=handshake SUMMARY="Handshaking with a relay" WARNING="DONE" REASON=DONE COUNT=3 RECOMMENDATION=ignore',
      '250 OK',
    ],
    'GETINFO consensus': ['552 Unrecognized key "consensus/valid-after"'],
  });
  const answers = await askTor(COMPONENTS, { socks: SOCKS, control: control.address }, []);
  assert.equal(answers.status.bootstrapPercent, 14);
  assert.equal(answers.consensus, undefined);
});

test('a real Tor without a network reports its status and its onion keys, and is not changed', async () => {
  await using tor = await startOfflineTor();
  const search = { socks: tor.socks, control: { kind: 'auto' }, usualControlAddresses: [tor.control] } as const;
  const answers = await askTor(COMPONENTS, search, [ONION_AUTH]);
  assert.equal(answers.status.state, 'bootstrapping');
  assert.equal(answers.consensus, undefined);
  assert.deepEqual([...answers.onionKeys], [[ONION_AUTH.address, 'absent']]);
  assert.deepEqual(await viewOnionAuths(tor.control), []);

  await addOnionAuth(tor.control, OTHER_KEY);
  const held = await viewOnionAuths(tor.control);
  const other = await askTor(COMPONENTS, search, [ONION_AUTH]);
  assert.deepEqual([...other.onionKeys.values()], ['another']);
  assert.deepEqual(await viewOnionAuths(tor.control), held);

  await addOnionAuth(tor.control, ONION_AUTH);
  const same = await askTor(COMPONENTS, search, [ONION_AUTH]);
  assert.deepEqual([...same.onionKeys.values()], ['present']);
  assert.deepEqual(await viewOnionAuths(tor.control), [SAME_ONION_AUTH_IN_TOR]);
});

test('a Tor that does not report its onion keys still answers the other queries', async () => {
  await using control = await startControlDouble({
    ...CONNECTED,
    ONION_CLIENT_AUTH_VIEW: ['510 Unrecognized command'],
  });
  const answers = await askTor(COMPONENTS, { socks: SOCKS, control: control.address }, [ONION_AUTH]);
  assert.equal(answers.status.state, 'up');
  assert.equal(answers.onionKeys.size, 0);
});

test('the control port of another Tor is not used, and without a control port there is an error', async () => {
  await using other = await startOfflineTor();
  for (const control of [{ kind: 'auto' }, { kind: 'none' }, { kind: 'unix', path: '/nonexistent' }] as const) {
    await assert.rejects(
      askTor(COMPONENTS, { socks: SOCKS, control, usualControlAddresses: [other.control] }, [ONION_AUTH]),
      { code: 'ERR_TOR_CONTROL' },
    );
  }
  assert.deepEqual(await viewOnionAuths(other.control), []);
});
