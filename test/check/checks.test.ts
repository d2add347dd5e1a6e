import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checksFor } from '../../src/check/checks.ts';
import { type Result, runChecks } from '../../src/check/run-checks.ts';
import { createCertificateAuthority } from '../fixtures/certificates.ts';
import type { Rig } from '../system/rig.ts';
import { createRig } from '../system/rig.ts';
import { createResolvedRig, FROM_THE_NETWORK, factsOf, INSTALLED } from './system-facts.ts';

/** Flags for a machine without Tor. */
const FLAGS = ['--tor-socks', 'unix:/nonexistent/socks', '--tor-control', 'none'];

async function resultsOf(rig: Rig): Promise<ReadonlyMap<string, Result>> {
  const facts = factsOf(rig, ...FLAGS);
  const results = await runChecks(checksFor(facts.config), { ...facts, local: async () => [] }, rig.clock, () => {});
  return new Map(results.map((result) => [result.id, result]));
}

/** Returns the status of each check of the machine's configuration. */
function statusesOf(results: ReadonlyMap<string, Result>): readonly (string | undefined)[] {
  return ['nsswitch', 'resolv-conf', 'resolved', 'docker', 'ipv6-router'].map((id) => results.get(id)?.status);
}

test('all checks run: first the path to the resolver, then the path to dns4tor, then bypasses', async () => {
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

test('encrypted listeners are checked if they are configured, after the port of plain DNS', async () => {
  await using rig = await createRig();
  await using ca = await createCertificateAuthority();
  const { certificatePath, keyPath } = await ca.issue(['dns.example']);
  const tls = ['--tls-cert', certificatePath, '--tls-key', keyPath];
  const idsOf = (...flags: readonly string[]): readonly string[] =>
    checksFor(factsOf(rig, ...FLAGS, ...flags).config)
      .map(({ id }) => id)
      .slice(8, -7);
  assert.deepEqual(idsOf(), ['port']);
  assert.deepEqual(idsOf(...tls, '--dot-address', '127.0.0.1'), ['port', 'tls-cert', 'dot']);
  assert.deepEqual(idsOf(...tls, '--doh-address', '127.0.0.1'), ['port', 'tls-cert', 'doh']);
});

test('a machine that bypasses dns4tor gets warnings with advice, but no failures', async () => {
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

test('a machine after `dns4tor install` gets no warnings, and the checks change nothing', async () => {
  await using rig = await createResolvedRig(INSTALLED);
  await rig.write('/etc/nsswitch.conf', 'hosts: files resolve [!UNAVAIL=return] dns\n');
  const before = await rig.snapshot();
  assert.deepEqual(statusesOf(await resultsOf(rig)), ['ok', 'ok', 'ok', 'skip', 'ok']);
  assert.deepEqual(await rig.snapshot(), before);
  for (const command of rig.commands) assert.match(command, /^resolvectl --no-pager (?:dns|domain|llmnr|mdns)$/);
});
