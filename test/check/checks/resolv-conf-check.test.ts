import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkResolvConf } from '../../../src/check/checks/resolv-conf-check.ts';
import { createRig } from '../../system/rig.ts';
import { createResolvedRig, FROM_THE_NETWORK, factsOf, INSTALLED, silence } from '../system-facts.ts';

test('a resolv.conf that names only dns4tor is right, whatever its other options', async () => {
  await using rig = await createRig();
  await rig.write('/etc/resolv.conf', '# comment\nnameserver 127.0.0.1\nsearch lan\noptions edns0 trust-ad\n');
  const { status, line } = await checkResolvConf(factsOf(rig));
  assert.equal(status, 'ok');
  assert.match(line, /dns4tor \(127\.0\.0\.1\)$/);
});

test("without a nameserver, programs use 127.0.0.1, the C library's default", async () => {
  await using rig = await createRig();
  const { status, line } = await checkResolvConf(factsOf(rig));
  assert.equal(status, 'ok');
  assert.match(line, /dns4tor \(127\.0\.0\.1\)$/);
});

test('another server is named with advice, instead of dns4tor or besides it', async () => {
  await using rig = await createRig();
  await rig.write('/etc/resolv.conf', 'nameserver 192.168.1.1\n');
  const alone = await checkResolvConf(factsOf(rig));
  assert.equal(alone.status, 'warn');
  assert.match(alone.line, /192\.168\.1\.1 instead of dns4tor$/);
  assert.match(alone.advice ?? '', /dns4tor install/);
  await rig.write('/etc/resolv.conf', 'nameserver 127.0.0.1\nnameserver 192.168.1.1\n');
  const both = await checkResolvConf(factsOf(rig));
  assert.equal(both.status, 'warn');
  assert.match(both.line, /192\.168\.1\.1 besides dns4tor$/);
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

test('a fourth server is not used, so it does not matter', async () => {
  await using rig = await createRig();
  await rig.write('/etc/resolv.conf', `${'nameserver 127.0.0.1\n'.repeat(3)}nameserver 192.168.1.1\n`);
  assert.equal((await checkResolvConf(factsOf(rig))).status, 'ok');
});

test('a dns4tor on another port cannot be in resolv.conf, so the check is skipped', async () => {
  await using rig = await createRig();
  await rig.write('/etc/resolv.conf', 'nameserver 127.0.0.1\n');
  const { status, line } = await checkResolvConf(factsOf(rig, '--port', '5053'));
  assert.equal(status, 'skip');
  assert.match(line, /\bport 5053\b/);
});

test('systemd-resolved is right if it asks only dns4tor, on any port', async () => {
  await using installed = await createResolvedRig(INSTALLED);
  const right = await checkResolvConf(factsOf(installed));
  assert.equal(right.status, 'ok');
  assert.match(right.line, /systemd-resolved.*dns4tor/);
  await using otherPort = await createResolvedRig({ ...INSTALLED, dns: 'Global: 127.0.0.1:5053\n' });
  assert.equal((await checkResolvConf(factsOf(otherPort, '--port', '5053'))).status, 'ok');
  assert.equal((await checkResolvConf(factsOf(otherPort))).status, 'warn');
  await using both = await createResolvedRig({ ...INSTALLED, dns: 'Global: 127.0.0.1 192.0.2.1\n' });
  assert.equal((await checkResolvConf(factsOf(both))).status, 'warn');
  await using network = await createResolvedRig(FROM_THE_NETWORK);
  assert.equal((await checkResolvConf(factsOf(network))).status, 'warn');
});

test('a systemd-resolved that does not tell its servers, or does not run although resolv.conf names it, is a warning', async () => {
  await using rig = await createResolvedRig({});
  silence(rig);
  assert.match((await checkResolvConf(factsOf(rig))).advice ?? '', /resolvectl status/);
  rig.answers.delete('systemctl is-active --quiet systemd-resolved.service');
  const stopped = await checkResolvConf(factsOf(rig));
  assert.equal(stopped.status, 'warn');
  assert.match(stopped.line, /127\.0\.0\.53, .*does not run$/);
});
