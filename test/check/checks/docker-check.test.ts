import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkDocker } from '../../../src/check/checks/docker-check.ts';
import { createRig, type Rig } from '../../system/rig.ts';
import { createResolvedRig, factsOf, INSTALLED } from '../system-facts.ts';

const BRIDGE = ['--address', '172.17.0.1', '--allow', '172.16.0.0/12'];

async function createDockerRig(resolvConf: string): Promise<Rig> {
  const rig = await createRig();
  await rig.write('/usr/bin/dockerd', '');
  await rig.write('/etc/resolv.conf', resolvConf);
  return rig;
}

test('without Docker, the check is skipped', async () => {
  await using rig = await createRig();
  await rig.write('/etc/resolv.conf', 'nameserver 127.0.0.1\n');
  assert.equal((await checkDocker(factsOf(rig))).status, 'skip');
});

test('if resolv.conf names only loopback addresses, containers use 8.8.8.8', async () => {
  await using rig = await createDockerRig('nameserver 127.0.0.1\nnameserver ::1\n');
  const { status, line, advice } = await checkDocker(factsOf(rig));
  assert.equal(status, 'warn');
  assert.match(line, /8\.8\.8\.8/);
  assert.match(advice ?? '', /"dns": \["172\.17\.0\.1"\].*\/etc\/docker\/daemon\.json/);
});

test("behind systemd-resolved's stub, its own servers count", async () => {
  await using rig = await createResolvedRig(INSTALLED);
  await rig.write('/usr/sbin/dockerd', '');
  await rig.write('/run/systemd/resolve/resolv.conf', 'nameserver 127.0.0.1\n');
  assert.match((await checkDocker(factsOf(rig))).line, /8\.8\.8\.8/);
  await rig.write('/run/systemd/resolve/resolv.conf', 'nameserver 127.0.0.1\nnameserver 192.168.1.1\n');
  const network = await checkDocker(factsOf(rig));
  assert.equal(network.status, 'warn');
  assert.match(network.line, /192\.168\.1\.1.*resolv\.conf/);
});

test('daemon.json is right if it names dns4tor at an address that containers can reach', async () => {
  await using rig = await createDockerRig('nameserver 127.0.0.1\n');
  await rig.write('/etc/docker/daemon.json', '{ "dns": ["172.17.0.1"] }\n');
  const right = await checkDocker(factsOf(rig, ...BRIDGE));
  assert.equal(right.status, 'ok');
  assert.match(right.line, /172\.17\.0\.1/);
  const nobodyThere = await checkDocker(factsOf(rig));
  assert.equal(nobodyThere.status, 'warn');
  assert.match(nobodyThere.line, /daemon\.json.*172\.17\.0\.1/);
  await rig.write('/etc/docker/daemon.json', '{ "dns": ["127.0.0.1"] }\n');
  assert.equal((await checkDocker(factsOf(rig))).status, 'warn', 'a loopback address is the container itself');
});

test('a daemon.json without servers does not count, and a malformed one is a warning', async () => {
  await using rig = await createDockerRig('nameserver 127.0.0.1\n');
  await rig.write('/etc/docker/daemon.json', '{ "log-driver": "journald" }\n');
  assert.match((await checkDocker(factsOf(rig))).line, /8\.8\.8\.8/);
  for (const text of ['{ "dns": ', 'null', '{ "dns": "172.17.0.1" }', '{ "dns": [1] }']) {
    await rig.write('/etc/docker/daemon.json', text);
    const { status, line } = await checkDocker(factsOf(rig));
    assert.equal(status, 'warn', text);
    assert.match(line, /^\/etc\/docker\/daemon\.json is malformed/, text);
  }
});

test('containers use dns4tor if resolv.conf names an address that they can reach', async () => {
  await using rig = await createDockerRig('nameserver 172.17.0.1\n');
  assert.equal((await checkDocker(factsOf(rig, ...BRIDGE))).status, 'ok');
});
