import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Verdict } from '../../../src/check/check-verdict.ts';
import { checkDocker } from '../../../src/check/checks/docker-check.ts';
import { checkInstallation } from '../../../src/check/checks/installation-check.ts';
import { checkNsswitch } from '../../../src/check/checks/nsswitch-check.ts';
import { checkResolvConf } from '../../../src/check/checks/resolv-conf-check.ts';
import { checkResolved } from '../../../src/check/checks/resolved-check.ts';
import { checkRouterAdvertisements } from '../../../src/check/checks/router-advertisements-check.ts';
import type { Facts } from '../../../src/check/facts.ts';
import { install } from '../../../src/system/install.ts';
import { pause } from '../../../src/system/pause.ts';
import { failWith } from '../../system/failing-file-system.ts';
import { createRig, MANAGERS, type Rig, TARGET } from '../../system/rig.ts';
import { createResolvedRig, FROM_THE_NETWORK, factsOf } from '../system-facts.ts';

/** Facts as a user other than root sees them. */
function factsOfOthers(rig: Rig, ...flags: readonly string[]): Facts {
  const fs = failWith(rig.machine.fs, { inspect: 'EACCES' }, (path) => path.startsWith('/var/lib/dns4tor-install/'));
  return factsOf({ ...rig, machine: { ...rig.machine, fs } }, ...flags);
}

function assertFails({ status, advice = '' }: Verdict, command: string = 'dns4tor install'): void {
  assert.equal(status, 'fail');
  assert.ok(advice.includes(`\`sudo ${command}\``), advice);
}

test('after install, a resolv.conf that names other servers is a failure, for root and for other users', async () => {
  await using rig = await createRig();
  await MANAGERS['a plain file'](rig);
  assert.equal((await checkResolvConf(factsOf(rig))).status, 'warn');
  await install(rig.machine, TARGET);
  assert.equal((await checkResolvConf(factsOf(rig))).status, 'ok');
  assert.equal((await checkInstallation(factsOf(rig))).status, 'ok');

  await rig.write('/etc/resolv.conf', 'nameserver 2001:db8::1\n');
  for (const facts of [factsOf(rig), factsOfOthers(rig)]) {
    assertFails(await checkResolvConf(facts));
    assertFails(await checkRouterAdvertisements(facts));
  }
  await rig.write('/run/docker.sock', '');
  assertFails(await checkDocker(factsOf(rig)));
  const installation = await checkInstallation(factsOf(rig));
  assertFails(installation);
  assert.match(installation.line, /\/etc\/resolv\.conf/);
  assert.equal((await checkInstallation(factsOfOthers(rig))).status, 'skip');
});

test('a journal that cannot be parsed, or that another user could have written, is a failure', async () => {
  await using rig = await createRig();
  await MANAGERS['a plain file'](rig);
  await install(rig.machine, TARGET);
  const { fs } = rig.machine;
  const openToAll: typeof fs = {
    ...fs,
    async inspect(path) {
      const entry = await fs.inspect(path);
      return entry === undefined ? undefined : { ...entry, mode: entry.mode | 0o002 };
    },
  };
  const untrusted = factsOf({ ...rig, machine: { ...rig.machine, fs: openToAll } });
  assert.equal((await checkInstallation(untrusted)).status, 'fail');
  await rig.write('/var/lib/dns4tor-install/journal.json', '{');
  assert.equal((await checkInstallation(factsOf(rig))).status, 'fail');
});

test('after install, a systemd-resolved that asks other servers is a failure', async () => {
  await using rig = await createResolvedRig(FROM_THE_NETWORK);
  await rig.write('/etc/nsswitch.conf', 'hosts: files resolve dns\n');
  await install(rig.machine, TARGET);
  for (const facts of [factsOf(rig), factsOfOthers(rig)]) {
    for (const check of [checkResolvConf, checkResolved, checkNsswitch]) assertFails(await check(facts));
  }
});

for (const [manager, path, remedy] of [
  ['systemd-resolved', '/etc/systemd/resolved.conf.d/zz-dns4tor.conf', 'dns4tor install'],
  ['NetworkManager', '/etc/NetworkManager/conf.d/zz-dns4tor.conf', 'dns4tor install'],
  ['openresolv', '/etc/resolvconf.conf', 'dns4tor install --force'],
  ['dhclient', '/etc/dhcp/dhclient-enter-hooks.d/dns4tor', 'dns4tor install'],
  ['dhcpcd', '/etc/dhcpcd.enter-hook', 'dns4tor install --force'],
  ['udhcpc', '/etc/udhcpc/default.script', 'dns4tor install --force'],
] as const) {
  test(`after install, a changed or missing ${path} is a failure, and ${remedy} is advised`, async () => {
    await using rig = await createRig();
    await MANAGERS[manager](rig);
    await install(rig.machine, TARGET);
    await rig.write(path, '# of another\n');
    assertFails(await checkInstallation(factsOf(rig)), remedy);
    await rig.machine.fs.remove(path);
    assertFails(await checkInstallation(factsOf(rig)), remedy);
    // What is advised does help.
    await install(rig.machine, TARGET, { force: remedy.endsWith('--force') });
    assert.equal((await checkInstallation(factsOf(rig))).status, 'ok');
  });
}

test('a DHCP client that appeared after install is a warning with a remedy', async () => {
  await using rig = await createRig();
  await MANAGERS['a plain file'](rig);
  await install(rig.machine, TARGET);
  await rig.write('/usr/sbin/dhcpcd', '', 0o755);
  const { status, line, advice } = await checkInstallation(factsOf(rig));
  assert.deepEqual([status, line.includes('dhcpcd')], ['warn', true]);
  assert.match(advice ?? '', /dns4tor install/);
  await install(rig.machine, TARGET);
  assert.equal((await checkInstallation(factsOf(rig))).status, 'ok');
});

test('neither a visible pause nor a machine without an installation is a failure', async () => {
  await using rig = await createRig();
  await MANAGERS['a plain file'](rig);
  assert.equal((await checkInstallation(factsOf(rig))).status, 'skip');
  await install(rig.machine, TARGET);
  await pause(rig.machine, 60_000);
  assert.equal((await checkInstallation(factsOf(rig))).status, 'skip');
  assert.equal((await checkResolvConf(factsOf(rig))).status, 'warn');
});

test('a failure concerns only the dns4tor on the installed port', async () => {
  await using rig = await createResolvedRig(FROM_THE_NETWORK);
  await install(rig.machine, { address: '127.0.0.1', port: 5053 });
  assertFails(await checkResolved(factsOf(rig, '--port', '5053')));
  assert.equal((await checkResolved(factsOf(rig))).status, 'warn');
});
