import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checksFor } from '../../src/check/checks.ts';
import { type Result, runChecks } from '../../src/check/run-checks.ts';
import type { Rig } from '../system/rig.ts';
import { createRig } from '../system/rig.ts';
import { createResolvedRig, factsOf, FROM_THE_NETWORK, INSTALLED } from './system-facts.ts';

/** Of a machine without Tor, on a port that nothing listens at. */
const FLAGS = ['--tor-socks', 'unix:/nonexistent/socks', '--tor-control', 'none'];

async function resultsOf(rig: Rig): Promise<ReadonlyMap<string, Result>> {
  const facts = factsOf(rig, ...FLAGS);
  const results = await runChecks(checksFor(facts.config), { ...facts, local: async () => [] }, rig.clock, () => {});
  return new Map(results.map((result) => [result.id, result]));
}

/** What each check of the machine comes to. */
function statusesOf(results: ReadonlyMap<string, Result>): readonly (string | undefined)[] {
  return ['nsswitch', 'resolv-conf', 'resolved', 'docker', 'ipv6-router'].map((id) => results.get(id)?.status);
}

test('all checks of a machine are told, the way out before the way in, and that before what goes around both', async () => {
  await using rig = await createRig();
  assert.deepEqual(
    [...(await resultsOf(rig)).keys()],
    [
      'tor',
      'bootstrap',
      'reach',
      'certificate',
      'answer',
      'clock',
      'listening',
      'resolution',
      'port',
      'installation',
      'nsswitch',
      'resolv-conf',
      'resolved',
      'docker',
      'ipv6-router',
      'browser',
    ],
  );
});

test('a machine whose names all go past dns4tor has warnings, each with what to do, and no failure for it', async () => {
  await using rig = await createResolvedRig({
    ...FROM_THE_NETWORK,
    dns: 'Global:\nLink 2 (eth0): 192.168.1.1 fe80::1%2\n',
  });
  await rig.write('/etc/nsswitch.conf', 'hosts: files resolve [!UNAVAIL=return] dns\n');
  await rig.write('/run/systemd/resolve/resolv.conf', 'nameserver 192.168.1.1\n');
  await rig.write('/run/docker.sock', '');
  const results = await resultsOf(rig);
  assert.deepEqual(statusesOf(results), ['warn', 'warn', 'warn', 'warn', 'warn']);
  for (const { status, advice = '' } of results.values())
    assert.equal(/^[A-Z].*\.$/.test(advice), status === 'warn' || status === 'fail', advice);
});

test('a machine as `dns4tor install` leaves it has none, and nothing on it is changed by looking', async () => {
  await using rig = await createResolvedRig(INSTALLED);
  await rig.write('/etc/nsswitch.conf', 'hosts: files resolve [!UNAVAIL=return] dns\n');
  const before = await rig.snapshot();
  assert.deepEqual(statusesOf(await resultsOf(rig)), ['ok', 'ok', 'ok', 'skip', 'ok']);
  assert.deepEqual(await rig.snapshot(), before);
  for (const command of rig.commands) assert.match(command, /^resolvectl --no-pager (?:dns|domain|llmnr|mdns)$/);
});
