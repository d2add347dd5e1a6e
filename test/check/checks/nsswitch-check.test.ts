import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Verdict } from '../../../src/check/check-verdict.ts';
import { checkNsswitch } from '../../../src/check/checks/nsswitch-check.ts';
import { createRig } from '../../system/rig.ts';
import { createResolvedRig, FROM_THE_NETWORK, factsOf, INSTALLED, silence } from '../system-facts.ts';

async function verdictOf(hosts: string): Promise<Verdict> {
  await using rig = await createRig();
  await rig.write('/etc/nsswitch.conf', `passwd: files\nhosts: ${hosts}\nnetworks: files\n`);
  return await checkNsswitch(factsOf(rig));
}

test('a line with dns is right, despite actions and a comment', async () => {
  const { status, line } = await verdictOf('  files mdns4_minimal [NOTFOUND=return] dns myhostname # as of old');
  assert.equal(status, 'ok');
  assert.match(line, /\(hosts: files mdns4_minimal dns myhostname\)$/);
});

test('without the file, or the line, glibc uses DNS', async () => {
  await using rig = await createRig();
  assert.equal((await checkNsswitch(factsOf(rig))).status, 'ok');
  await rig.write('/etc/nsswitch.conf', 'passwd: files\n#hosts: files\n');
  assert.equal((await checkNsswitch(factsOf(rig))).status, 'ok');
});

test('a line without dns is a warning', async () => {
  const { status, line, advice } = await verdictOf('files myhostname');
  assert.equal(status, 'warn');
  assert.match(line, /\(hosts: files myhostname\)$/);
  assert.match(advice ?? '', /nsswitch\.conf/);
});

test('services that look up any name on the local network are a warning', async () => {
  for (const service of ['mdns4', 'wins', 'nis']) {
    const { status, line } = await verdictOf(`files dns ${service}`);
    assert.deepEqual([status, line.includes(`(${service})`)], ['warn', true]);
  }
});

test('nss-resolve bypasses resolv.conf, which is right if systemd-resolved asks dns4tor', async () => {
  const hosts = 'hosts: files resolve [!UNAVAIL=return] dns\n';
  await using installed = await createResolvedRig(INSTALLED);
  await installed.write('/etc/nsswitch.conf', hosts);
  const right = await checkNsswitch(factsOf(installed));
  assert.equal(right.status, 'ok');
  assert.match(right.line, /systemd-resolved/);
  await using network = await createResolvedRig(FROM_THE_NETWORK);
  await network.write('/etc/nsswitch.conf', hosts);
  const bypass = await checkNsswitch(factsOf(network));
  assert.equal(bypass.status, 'warn');
  assert.match(bypass.advice ?? '', /dns4tor install/);
  assert.equal((await checkNsswitch(factsOf(network, '--port', '5053'))).status, 'skip');
  silence(network);
  assert.match((await checkNsswitch(factsOf(network))).advice ?? '', /resolvectl status/);
});

test('nss-resolve without systemd-resolved leaves names to the next service', async () => {
  assert.equal((await verdictOf('files resolve [!UNAVAIL=return] dns')).status, 'ok');
  assert.equal((await verdictOf('files resolve')).status, 'warn');
});
