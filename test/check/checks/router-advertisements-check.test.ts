import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkRouterAdvertisements } from '../../../src/check/checks/router-advertisements-check.ts';
import { createRig, MANAGERS } from '../../system/rig.ts';
import { createResolvedRig, factsOf, INSTALLED, silence } from '../system-facts.ts';

test('without a known advertisement, all is well', async () => {
  await using rig = await createRig();
  await rig.write('/etc/resolv.conf', 'nameserver ::1\n');
  assert.equal((await checkRouterAdvertisements(factsOf(rig, '--address', '::1'))).status, 'ok');
});

test('an advertised server that systemd-resolved asks is a warning with its link', async () => {
  await using rig = await createResolvedRig({
    dns: 'Global: 127.0.0.1\nLink 2 (eth0): 192.168.1.1 fe80::1%2\n',
    domain: 'Global:\nLink 2 (eth0):\n',
  });
  const { status, line, advice } = await checkRouterAdvertisements(factsOf(rig));
  assert.equal(status, 'warn');
  assert.match(line, /systemd-resolved .* fe80::1%2 \(eth0\),/);
  assert.doesNotMatch(line, /192\.168\.1\.1/);
  assert.match(advice ?? '', /UseDNS=no/);
  silence(rig);
  assert.match((await checkRouterAdvertisements(factsOf(rig))).advice ?? '', /resolvectl status/);
});

test('servers that systemd-networkd and NetworkManager know but nothing uses are listed, and all is well', async () => {
  await using rig = await createResolvedRig({ ...INSTALLED, dns: 'Global: 127.0.0.1\nLink 2 (eth0): fe80::1%2\n' });
  await rig.write('/run/systemd/netif/links/2', 'ADMIN_STATE=configured\nDNS=192.168.1.1 2001:db8::1 fe80::1%2\n');
  await rig.write('/run/systemd/netif/links/3', 'ADMIN_STATE=unmanaged\n');
  await rig.write('/run/NetworkManager/no-stub-resolv.conf', 'nameserver 192.168.1.1\nnameserver 2001:db8::2\n');
  const { status, line } = await checkRouterAdvertisements(factsOf(rig));
  assert.equal(status, 'ok');
  assert.match(line, /\(2001:db8::2, 2001:db8::1, fe80::1%2\)$/);
});

test('an IPv6 server in resolv.conf is a warning, unless it is dns4tor', async () => {
  await using rig = await createRig();
  await rig.write('/etc/resolv.conf', 'nameserver 127.0.0.1\nnameserver fe80::1%eth0\n');
  const { status, line } = await checkRouterAdvertisements(factsOf(rig));
  assert.deepEqual([status, line.includes('fe80::1%eth0')], ['warn', true]);
  assert.equal((await checkRouterAdvertisements(factsOf(rig, '--port', '5053'))).status, 'skip');
});

test('rdnssd is a warning if it writes resolv.conf, but not if resolvconf does', async () => {
  await using rig = await createRig();
  await rig.write('/etc/resolv.conf', 'nameserver 127.0.0.1\n');
  await rig.write('/run/rdnssd/resolv.conf', 'nameserver 2001:db8::1\n');
  const { status, line, advice } = await checkRouterAdvertisements(factsOf(rig));
  assert.deepEqual([status, line.includes('2001:db8::1')], ['warn', true]);
  assert.match(advice ?? '', /rdnssd\.service/);
  await using withResolvconf = await createRig();
  await MANAGERS.resolvconf(withResolvconf);
  await withResolvconf.write('/run/rdnssd/resolv.conf', 'nameserver 2001:db8::1\n');
  assert.equal((await checkRouterAdvertisements(factsOf(withResolvconf))).status, 'ok');
});
