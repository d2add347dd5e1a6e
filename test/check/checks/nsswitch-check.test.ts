import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkNsswitch } from '../../../src/check/checks/nsswitch-check.ts';
import type { Verdict } from '../../../src/check/check-verdict.ts';
import { createRig } from '../../system/rig.ts';
import { createResolvedRig, factsOf, FROM_THE_NETWORK, INSTALLED, silence } from '../system-facts.ts';

async function verdictOf(hosts: string): Promise<Verdict> {
  await using rig = await createRig();
  await rig.write('/etc/nsswitch.conf', `passwd: files\nhosts: ${hosts}\nnetworks: files\n`);
  return await checkNsswitch(factsOf(rig));
}

test('a line that leads to DNS is right, with its actions and a comment', async () => {
  assert.deepEqual(await verdictOf('  files mdns4_minimal [NOTFOUND=return] dns myhostname # as of old'), {
    status: 'ok',
    line: 'names go where resolv.conf says (hosts: files mdns4_minimal dns myhostname)',
  });
});

test('without the file, or the line, glibc asks DNS', async () => {
  await using rig = await createRig();
  assert.equal((await checkNsswitch(factsOf(rig))).status, 'ok');
  await rig.write('/etc/nsswitch.conf', 'passwd: files\n#hosts: files\n');
  assert.equal((await checkNsswitch(factsOf(rig))).status, 'ok');
});

test('a line that does not lead to DNS is a warning', async () => {
  const { status, line, advice } = await verdictOf('files myhostname');
  assert.deepEqual([status, line], ['warn', 'programs do not ask for names by DNS (hosts: files myhostname)']);
  assert.match(advice ?? '', /nsswitch\.conf/);
});

test('services that ask the local network for any name are a warning', async () => {
  for (const service of ['mdns4', 'wins', 'nis']) {
    const { status, line } = await verdictOf(`files dns ${service}`);
    assert.deepEqual([status, line.includes(`(${service})`)], ['warn', true]);
  }
});

test('nss-resolve goes around resolv.conf: right where systemd-resolved asks dns4tor', async () => {
  const hosts = 'hosts: files resolve [!UNAVAIL=return] dns\n';
  await using installed = await createResolvedRig(INSTALLED);
  await installed.write('/etc/nsswitch.conf', hosts);
  assert.deepEqual(await checkNsswitch(factsOf(installed)), {
    status: 'ok',
    line: 'names go to systemd-resolved whatever resolv.conf says, and so to dns4tor',
  });
  await using network = await createResolvedRig(FROM_THE_NETWORK);
  await network.write('/etc/nsswitch.conf', hosts);
  const past = await checkNsswitch(factsOf(network));
  assert.equal(past.status, 'warn');
  assert.match(past.advice ?? '', /dns4tor install/);
  assert.equal((await checkNsswitch(factsOf(network, '--port', '5353'))).status, 'skip');
  silence(network);
  assert.match((await checkNsswitch(factsOf(network))).line, /does not say whom it asks$/);
});

test('nss-resolve without systemd-resolved leaves names to the next service', async () => {
  assert.equal((await verdictOf('files resolve [!UNAVAIL=return] dns')).status, 'ok');
  assert.equal((await verdictOf('files resolve')).status, 'warn');
});
