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

test('without Docker there is nothing to say', async () => {
  await using rig = await createRig();
  await rig.write('/etc/resolv.conf', 'nameserver 127.0.0.1\n');
  assert.equal((await checkDocker(factsOf(rig))).status, 'skip');
});

test('where resolv.conf names loopback alone, containers go to 8.8.8.8', async () => {
  await using rig = await createDockerRig('nameserver 127.0.0.1\nnameserver ::1\n');
  const { status, line, advice } = await checkDocker(factsOf(rig));
  assert.equal(status, 'warn');
  assert.match(line, /8\.8\.8\.8/);
  assert.match(advice ?? '', /"dns": \["172\.17\.0\.1"\].*\/etc\/docker\/daemon\.json/);
});

test('behind the stub of systemd-resolved, its own servers count', async () => {
  await using rig = await createResolvedRig(INSTALLED);
  await rig.write('/usr/sbin/dockerd', '');
  await rig.write('/run/systemd/resolve/resolv.conf', 'nameserver 127.0.0.1\n');
  assert.match((await checkDocker(factsOf(rig))).line, /8\.8\.8\.8/);
  await rig.write('/run/systemd/resolve/resolv.conf', 'nameserver 127.0.0.1\nnameserver 192.168.1.1\n');
  const network = await checkDocker(factsOf(rig));
  assert.deepEqual(
    [network.status, network.line],
    ['warn', 'Docker sends containers to 192.168.1.1, as resolv.conf says'],
  );
});

test('daemon.json is right where it names dns4tor on an address that containers reach', async () => {
  await using rig = await createDockerRig('nameserver 127.0.0.1\n');
  await rig.write('/etc/docker/daemon.json', '{ "dns": ["172.17.0.1"] }\n');
  assert.deepEqual(await checkDocker(factsOf(rig, ...BRIDGE)), {
    status: 'ok',
    line: 'containers are sent to dns4tor (172.17.0.1)',
  });
  const nobodyThere = await checkDocker(factsOf(rig));
  assert.deepEqual(
    [nobodyThere.status, nobodyThere.line],
    ['warn', '/etc/docker/daemon.json sends containers to 172.17.0.1, past dns4tor'],
  );
  await rig.write('/etc/docker/daemon.json', '{ "dns": ["127.0.0.1"] }\n');
  assert.equal((await checkDocker(factsOf(rig))).status, 'warn', 'a loopback address is the container itself');
});

test('a daemon.json that leaves servers open does not count, and one that is malformed is a warning', async () => {
  await using rig = await createDockerRig('nameserver 127.0.0.1\n');
  await rig.write('/etc/docker/daemon.json', '{ "log-driver": "journald" }\n');
  assert.match((await checkDocker(factsOf(rig))).line, /8\.8\.8\.8/);
  for (const text of ['{ "dns": ', 'null', '{ "dns": "172.17.0.1" }', '{ "dns": [1] }']) {
    await rig.write('/etc/docker/daemon.json', text);
    const { status, line } = await checkDocker(factsOf(rig));
    assert.deepEqual([status, line], ['warn', '/etc/docker/daemon.json cannot be understood'], text);
  }
});

test('a resolv.conf that names dns4tor on an address of the network is what containers get', async () => {
  await using rig = await createDockerRig('nameserver 172.17.0.1\n');
  assert.equal((await checkDocker(factsOf(rig, ...BRIDGE))).status, 'ok');
});
