import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkResolvConf } from '../../../src/check/checks/resolv-conf-check.ts';
import { createRig } from '../../system/rig.ts';
import { createResolvedRig, factsOf, FROM_THE_NETWORK, INSTALLED, silence } from '../system-facts.ts';

test('a resolv.conf that names dns4tor alone is right, whatever else it says', async () => {
  await using rig = await createRig();
  await rig.write('/etc/resolv.conf', '# comment\nnameserver 127.0.0.1\nsearch lan\noptions edns0 trust-ad\n');
  assert.deepEqual(await checkResolvConf(factsOf(rig)), {
    status: 'ok',
    line: 'programs are sent to dns4tor (127.0.0.1)',
  });
});

test('without a nameserver programs ask 127.0.0.1, as libc does', async () => {
  await using rig = await createRig();
  const { status, line } = await checkResolvConf(factsOf(rig));
  assert.deepEqual([status, line], ['ok', 'programs are sent to dns4tor (127.0.0.1)']);
});

test('another server is named with what to do, alone or beside dns4tor', async () => {
  await using rig = await createRig();
  await rig.write('/etc/resolv.conf', 'nameserver 192.168.1.1\n');
  const alone = await checkResolvConf(factsOf(rig));
  assert.deepEqual([alone.status, alone.line], ['warn', 'programs are sent to 192.168.1.1, not to dns4tor']);
  assert.match(alone.advice ?? '', /dns4tor install/);
  await rig.write('/etc/resolv.conf', 'nameserver 127.0.0.1\nnameserver 192.168.1.1\n');
  const beside = await checkResolvConf(factsOf(rig));
  assert.deepEqual([beside.status, beside.line], ['warn', 'programs are sent to 192.168.1.1, beside dns4tor']);
});

test('RFC 4007 §11: a link-local address matches dns4tor only on the interface on which it listens', async () => {
  await using rig = await createRig();
  const facts = factsOf(rig, '--address', 'fe80::1%eth0', '--allow', 'fe80::/10');
  for (const [nameserver, status] of [
    ['fe80::1%eth0', 'ok'],
    ['fe80::1%wlan0', 'warn'],
    ['fe80::1', 'warn'],
  ] as const) {
    await rig.write('/etc/resolv.conf', `nameserver ${nameserver}\n`);
    assert.equal((await checkResolvConf(facts)).status, status, nameserver);
  }
});

test('a fourth server is not used, and no matter', async () => {
  await using rig = await createRig();
  await rig.write('/etc/resolv.conf', `${'nameserver 127.0.0.1\n'.repeat(3)}nameserver 192.168.1.1\n`);
  assert.equal((await checkResolvConf(factsOf(rig))).status, 'ok');
});

test('a dns4tor on another port cannot be in resolv.conf, and that is no fault', async () => {
  await using rig = await createRig();
  await rig.write('/etc/resolv.conf', 'nameserver 127.0.0.1\n');
  const { status, line } = await checkResolvConf(factsOf(rig, '--port', '5353'));
  assert.equal(status, 'skip');
  assert.match(line, /port 5353, is not the system’s resolver$/);
});

test('systemd-resolved is right where it asks dns4tor, on whatever port, and nobody else', async () => {
  await using installed = await createResolvedRig(INSTALLED);
  assert.deepEqual(await checkResolvConf(factsOf(installed)), {
    status: 'ok',
    line: 'programs are sent to systemd-resolved, which asks dns4tor',
  });
  await using otherPort = await createResolvedRig({ ...INSTALLED, dns: 'Global: 127.0.0.1:5353\n' });
  assert.equal((await checkResolvConf(factsOf(otherPort, '--port', '5353'))).status, 'ok');
  assert.equal((await checkResolvConf(factsOf(otherPort))).status, 'warn');
  await using both = await createResolvedRig({ ...INSTALLED, dns: 'Global: 127.0.0.1 192.0.2.1\n' });
  assert.equal((await checkResolvConf(factsOf(both))).status, 'warn');
  await using network = await createResolvedRig(FROM_THE_NETWORK);
  assert.equal((await checkResolvConf(factsOf(network))).status, 'warn');
});

test('a systemd-resolved that says nothing, or does not run where resolv.conf leads to it, is a warning', async () => {
  await using rig = await createResolvedRig({});
  silence(rig);
  assert.match((await checkResolvConf(factsOf(rig))).line, /^systemd-resolved runs, and does not say/);
  rig.answers.delete('systemctl is-active --quiet systemd-resolved.service');
  const stopped = await checkResolvConf(factsOf(rig));
  assert.deepEqual(
    [stopped.status, stopped.line],
    ['warn', 'programs are sent to 127.0.0.53, but systemd-resolved does not run'],
  );
});
