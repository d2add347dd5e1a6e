import assert from 'node:assert/strict';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ErrorCode } from '../../src/failures/failures.ts';
import { install, previewInstallation } from '../../src/system/install.ts';
import type { Machine } from '../../src/system/machine.ts';
import { warnAboutOtherLinks } from '../../src/system/managers/other-links.ts';
import { pause } from '../../src/system/pause.ts';
import { settle } from '../../src/system/settle.ts';
import { uninstall } from '../../src/system/uninstall.ts';
import { failWith } from './failing-file-system.ts';
import { createRig, MANAGER_NAMES, MANAGERS, type ManagerName, type Rig, TARGET, UDHCPC_SCRIPT } from './rig.ts';

const MARK = '# Written by `dns4tor install`; `dns4tor uninstall` restores the original. Do not edit.\n';
const RESOLV_CONF = `${MARK}nameserver 127.0.0.1\nsearch .\noptions edns0\n`;
const RESOLVED = `${MARK}[Resolve]
# The empty value clears the servers and domains of other files; otherwise these would be added to them.
DNS=
DNS=127.0.0.1
Domains=
# Send all names to the server above, not to those of links.
Domains=~.
# Empty: no compiled-in servers.
FallbackDNS=
DNSOverTLS=no
# Both query the local network, in the clear.
LLMNR=no
MulticastDNS=no
`;
const NETWORK_MANAGER = `${MARK}[main]\ndns=none\nsystemd-resolved=false\n`;
const DHCLIENT_HOOK = `${MARK}make_resolv_conf() { :; }\n`;
const DHCPCD_HOOK = `${MARK}skip_hooks="$skip_hooks resolv.conf"\n`;
const DHCPCD_HOOK_WITH_RESOLVCONF = `${MARK}command -v "\${resolvconf:-resolvconf}" >/dev/null 2>&1 || skip_hooks="$skip_hooks resolv.conf"\n`;
const RESTART = 'systemctl restart systemd-resolved.service';
const RELOAD = 'nmcli general reload';
const RESOLV_CONF_PATH = '/etc/resolv.conf';

/** Output of systemctl(1) for the sockets of dns4tor.socket. */
const SOCKET_UNIT = [
  'systemctl show --property=Listen dns4tor.socket',
  {
    status: 0,
    stdout:
      'Listen=127.0.0.1:53 (Datagram)\nListen=[::1]:53 (Datagram)\nListen=127.0.0.1:53 (Stream)\nListen=[::1]:53 (Stream)\n',
  },
] as const;

/** Changed files with their content, and the commands that install and uninstall run. */
const EXPECTED: Readonly<
  Record<ManagerName, { files: Record<string, string>; apply?: readonly string[]; restore?: readonly string[] }>
> = {
  'systemd-resolved': {
    files: { 'etc/systemd/resolved.conf.d/zz-dns4tor.conf': RESOLVED },
    apply: [RESTART],
    restore: [RESTART],
  },
  NetworkManager: {
    files: { 'etc/NetworkManager/conf.d/zz-dns4tor.conf': NETWORK_MANAGER, 'etc/resolv.conf': RESOLV_CONF },
    apply: ['nmcli general reload'],
    restore: ['nmcli general reload'],
  },
  'NetworkManager with systemd-resolved': {
    files: {
      'etc/NetworkManager/conf.d/zz-dns4tor.conf': NETWORK_MANAGER,
      'etc/systemd/resolved.conf.d/zz-dns4tor.conf': RESOLVED,
    },
    apply: [RESTART, 'nmcli general reload', 'resolvectl revert wlan0'],
    restore: [RESTART, 'nmcli general reload'],
  },
  resolvconf: { files: { 'etc/resolv.conf': RESOLV_CONF } },
  openresolv: {
    files: {
      'etc/resolvconf.conf': `resolv_conf=/etc/resolv.conf\n#name_servers=127.0.0.1\n${MARK}resolv_conf=/run/resolvconf/resolv.conf.unused\n`,
      'etc/resolv.conf': RESOLV_CONF,
    },
    restore: ['resolvconf -u'],
  },
  dhclient: {
    files: {
      'etc/dhcp/dhclient-enter-hooks.d/dns4tor': DHCLIENT_HOOK,
      'etc/resolv.conf': RESOLV_CONF,
    },
  },
  dhcpcd: {
    files: {
      'etc/dhcpcd.enter-hook': DHCPCD_HOOK,
      'etc/resolv.conf': RESOLV_CONF,
    },
  },
  udhcpc: {
    files: {
      'etc/udhcpc/default.script': UDHCPC_SCRIPT.replace(
        'RESOLV_CONF="/etc/resolv.conf"',
        `${MARK}RESOLV_CONF=/dev/null`,
      ),
      'etc/resolv.conf': RESOLV_CONF,
    },
  },
  'resolvconf and DHCP clients': {
    files: {
      'etc/dhcp/dhclient-enter-hooks.d/dns4tor': DHCLIENT_HOOK,
      'etc/dhcpcd.enter-hook': DHCPCD_HOOK_WITH_RESOLVCONF,
      'etc/resolv.conf': RESOLV_CONF,
    },
  },
  'DHCP clients and leftovers of a removed resolvconf': {
    files: {
      'etc/dhcp/dhclient-enter-hooks.d/dns4tor': DHCLIENT_HOOK,
      'etc/dhcpcd.enter-hook': DHCPCD_HOOK,
      'etc/resolv.conf': RESOLV_CONF,
    },
  },
  "systemd-resolved with its own resolvconf, and DHCP clients that would overwrite resolv.conf's target": {
    files: {
      'etc/systemd/resolved.conf.d/zz-dns4tor.conf': RESOLVED,
      'etc/dhcp/dhclient-enter-hooks.d/dns4tor': DHCLIENT_HOOK,
      'etc/dhcpcd.enter-hook': DHCPCD_HOOK_WITH_RESOLVCONF,
    },
    apply: [RESTART],
    restore: [RESTART],
  },
  'a plain file': { files: { 'etc/resolv.conf': RESOLV_CONF } },
  'a read-only file': { files: { 'etc/resolv.conf': RESOLV_CONF } },
  'a symbolic link to nowhere': { files: { 'etc/resolv.conf': RESOLV_CONF } },
  'no file': { files: { 'etc/resolv.conf': RESOLV_CONF } },
};

for (const name of MANAGER_NAMES) {
  test(`${name}: install writes exactly the expected files, uninstall restores everything, and both are idempotent`, async () => {
    await using rig = await createRig();
    await MANAGERS[name](rig);
    const { files, apply = [], restore = [] } = EXPECTED[name];
    const before = await rig.snapshot();

    await install(rig.machine, TARGET);
    const after = await rig.snapshot();
    assert.deepEqual(await contentsThatDiffer(rig, before, after), files);
    assert.deepEqual(rig.commands.splice(0), apply);
    await install(rig.machine, TARGET);
    assert.deepEqual(await rig.snapshot(), after);
    assert.deepEqual(rig.commands, []);

    assert.equal(await uninstall(rig.machine, { force: false }), true);
    assert.deepEqual(await rig.snapshot(), before);
    assert.deepEqual(rig.commands.splice(0), restore);
    assert.equal(await uninstall(rig.machine, { force: false }), false);
    assert.deepEqual(await rig.snapshot(), before);
    assert.deepEqual(rig.commands, []);
  });

  test(`${name}: a preview changes nothing`, async () => {
    await using rig = await createRig();
    await MANAGERS[name](rig);
    const before = await rig.snapshot();
    await previewInstallation(rig.machine, TARGET);
    assert.deepEqual(await rig.snapshot(), before);
    assert.deepEqual(rig.commands, []);
  });
}

/** Returns the content of changed files, without directories and the journal. */
async function contentsThatDiffer(
  rig: Rig,
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const differ: Record<string, string> = {};
  for (const [path, state] of Object.entries(after)) {
    if (before[path] === state || path.startsWith('var/lib/') || state.startsWith('4')) continue;
    differ[path] = await rig.text(path);
  }
  return differ;
}

test('a file keeps its permissions, and a file that replaces a symbolic link is world-readable', async () => {
  await using rig = await createRig();
  await MANAGERS['a plain file'](rig);
  await install(rig.machine, TARGET);
  assert.match((await rig.snapshot())['etc/resolv.conf'] ?? '', /^100604 /);
  await using other = await createRig();
  await MANAGERS.resolvconf(other);
  await install(other.machine, TARGET);
  assert.match((await other.snapshot())['etc/resolv.conf'] ?? '', /^100644 /);
});

test("resolved's file with the network's servers is not the stub file, and is replaced", async () => {
  await using rig = await createRig();
  await MANAGERS['systemd-resolved'](rig);
  await rig.machine.fs.remove('/etc/resolv.conf');
  await rig.write('/run/systemd/resolve/resolv.conf', 'nameserver 192.168.1.1\n');
  await rig.link('/etc/resolv.conf', '/run/systemd/resolve/resolv.conf');
  const before = await rig.snapshot();
  await install(rig.machine, TARGET);
  assert.equal(await rig.text('/etc/resolv.conf'), RESOLV_CONF);
  assert.equal(await rig.text('/etc/systemd/resolved.conf.d/zz-dns4tor.conf'), RESOLVED);
  await uninstall(rig.machine, { force: false });
  assert.deepEqual(await rig.snapshot(), before);
});

test("a port other than 53 works with resolved's stub, and is refused if resolv.conf would have to name it", async () => {
  await using rig = await createRig();
  await MANAGERS['systemd-resolved'](rig);
  await install(rig.machine, { address: '::1', port: 5053 });
  assert.match(await rig.text('/etc/systemd/resolved.conf.d/zz-dns4tor.conf'), /^DNS=\[::1\]:5053$/m);
  await using plain = await createRig();
  await MANAGERS['a plain file'](plain);
  await refuses(plain, () => install(plain.machine, { address: '127.0.0.1', port: 5053 }), 'ERR_SYSTEM_PORT');
});

test('nothing is changed if dns4tor does not answer', async () => {
  await using rig = await createRig();
  await MANAGERS.NetworkManager(rig);
  rig.checks.upstream = () => Promise.reject(new Error('no answer'));
  await refuses(rig, () => install(rig.machine, TARGET), /no answer/);
  assert.deepEqual(rig.commands, []);
});

test('if dns4tor does not answer because its unit is not started, the error says how to start it', async () => {
  await using rig = await createRig();
  await MANAGERS['systemd-resolved'](rig);
  rig.checks.upstream = () => Promise.reject(new Error('no answer'));
  rig.answers.set(...SOCKET_UNIT);
  await refuses(rig, () => install(rig.machine, TARGET), 'ERR_SYSTEM_SOCKET');
  await refuses(rig, () => install(rig.machine, { address: '::1', port: 53 }), 'ERR_SYSTEM_SOCKET');
  rig.answers.set('systemctl is-active --quiet dns4tor.socket', { status: 0 });
  await refuses(rig, () => install(rig.machine, TARGET), /no answer/);
});

for (const state of ['is-enabled', 'is-active']) {
  test(`with the standalone unit (${state}), the error does not suggest the unit that would stop it`, async () => {
    await using rig = await createRig();
    await MANAGERS['systemd-resolved'](rig);
    rig.checks.upstream = () => Promise.reject(new Error('no answer'));
    rig.answers.set(...SOCKET_UNIT);
    rig.answers.set(`systemctl ${state} --quiet dns4tor-standalone.service`, { status: 0 });
    await refuses(rig, () => install(rig.machine, TARGET), /no answer/);
  });
}

test('for a port that is not in the unit, the error does not suggest to start it', async () => {
  await using rig = await createRig();
  await MANAGERS['systemd-resolved'](rig);
  rig.checks.upstream = () => Promise.reject(new Error('no answer'));
  rig.answers.set(...SOCKET_UNIT);
  await refuses(rig, () => install(rig.machine, { address: '127.0.0.1', port: 5053 }), /no answer/);
});

test('everything is rolled back if names are not resolved after the change', async () => {
  await using rig = await createRig();
  await MANAGERS.NetworkManager(rig);
  const asked: string[] = [];
  rig.checks.nameserver = (address) => {
    asked.push(address);
    return Promise.reject(new Error('no answer'));
  };
  await refuses(rig, () => install(rig.machine, TARGET), /no answer/);
  assert.deepEqual(asked, ['127.0.0.1']);
  assert.deepEqual(rig.commands, ['nmcli general reload', 'nmcli general reload']);
});

test('everything is rolled back if a manager fails to reload', async () => {
  await using rig = await createRig();
  await MANAGERS['systemd-resolved'](rig);
  // The reload after the roll-back fails, too: the files are restored, and a warning names the command.
  rig.answers.set(RESTART, { status: 1, stderr: 'Job failed.\n' });
  await refuses(rig, () => install(rig.machine, TARGET), 'ERR_SYSTEM_COMMAND');
  assert.equal(rig.warnings.length, 1);
  assert.ok(rig.warnings[0]?.startsWith(`${RESTART}: Job failed.; `));
});

test('uninstall restores everything although managers have stopped, and warns of each failed reload', async () => {
  await using rig = await createRig();
  await MANAGERS['NetworkManager with systemd-resolved'](rig);
  const before = await rig.snapshot();
  await install(rig.machine, TARGET);
  rig.answers.set(RELOAD, { status: 8, stderr: 'Error: NetworkManager is not running.\n' });
  rig.answers.set(RESTART, { status: 127 });
  assert.equal(await uninstall(rig.machine, { force: false }), true);
  assert.deepEqual(await rig.snapshot(), before);
  assert.equal(rig.warnings.length, 2);
  assert.match(rig.warnings[0] ?? '', /^systemctl restart systemd-resolved\.service: status 127; /);
  assert.match(rig.warnings[1] ?? '', /^nmcli general reload: Error: NetworkManager is not running\.; /);
});

test('a file that changes during the installation stays, and everything else is rolled back', async () => {
  await using rig = await createRig();
  await MANAGERS.NetworkManager(rig);
  const { [RESOLV_CONF_PATH.slice(1)]: _, ...before } = await rig.snapshot();
  const machine = meanwhile(rig, RELOAD, () => rig.write(RESOLV_CONF_PATH, 'nameserver 10.0.0.1\n'));
  await assert.rejects(install(machine, TARGET), { code: 'ERR_SYSTEM_CHANGED', message: /^\/etc\/resolv\.conf: / });
  const { [RESOLV_CONF_PATH.slice(1)]: __, ...after } = await rig.snapshot();
  assert.deepEqual(after, before);
  assert.equal(await rig.text(RESOLV_CONF_PATH), 'nameserver 10.0.0.1\n');
});

test('an edit of our file before the installation fails is backed up, and the original is restored', async () => {
  await using rig = await createRig();
  await MANAGERS['a plain file'](rig);
  const before = await rig.text(RESOLV_CONF_PATH);
  rig.checks.nameserver = async () => {
    await rig.write(RESOLV_CONF_PATH, `${RESOLV_CONF}options rotate\n`);
    throw new Error('no answer');
  };
  await assert.rejects(install(rig.machine, TARGET), /no answer/);
  assert.equal(await rig.text(RESOLV_CONF_PATH), before);
  assert.equal(await rig.text(`${RESOLV_CONF_PATH}.before-uninstall`), `${RESOLV_CONF}options rotate\n`);
});

test('a file removed before the installation fails is restored', async () => {
  await using rig = await createRig();
  await MANAGERS['a plain file'](rig);
  rig.checks.nameserver = async () => {
    await rig.machine.fs.remove(RESOLV_CONF_PATH);
    throw new Error('no answer');
  };
  await refuses(rig, () => install(rig.machine, TARGET), /no answer/);
});

test('a failed command about a vanished link is ignored, and one about an existing link is an error', async () => {
  await using rig = await createRig();
  await MANAGERS['NetworkManager with systemd-resolved'](rig);
  rig.answers.set('resolvectl revert wlan0', { status: 1, stderr: 'No such device\n' });
  await install(rig.machine, TARGET);
  await uninstall(rig.machine, { force: false });
  await rig.write('/sys/class/net/wlan0/ifindex', '2\n');
  await refuses(rig, () => install(rig.machine, TARGET), 'ERR_SYSTEM_COMMAND');
});

test('a second install configures a manager that appeared later, and uninstall restores everything', async () => {
  await using rig = await createRig();
  await MANAGERS['systemd-resolved'](rig);
  await rig.write('/etc/NetworkManager/NetworkManager.conf', '[main]\nplugins=keyfile\n');
  const before = await rig.snapshot();
  await install(rig.machine, TARGET);
  rig.answers.set('nmcli --get-values RUNNING general', { status: 0, stdout: 'running\n' });
  rig.answers.set('nmcli --get-values DEVICE,STATE device', { status: 0, stdout: 'wlan0:connected\n' });
  rig.commands.length = 0;

  // If the second install fails, the first stays in place.
  rig.checks.nameserver = () => Promise.reject(new Error('no answer'));
  await refuses(rig, () => install(rig.machine, TARGET), /no answer/);
  assert.deepEqual(rig.commands.splice(0), [RELOAD, 'resolvectl revert wlan0', RELOAD]);

  rig.checks.nameserver = async () => {};
  await install(rig.machine, TARGET);
  assert.deepEqual(rig.commands.splice(0), [RELOAD, 'resolvectl revert wlan0']);
  assert.equal(await rig.text('/etc/NetworkManager/conf.d/zz-dns4tor.conf'), NETWORK_MANAGER);
  assert.equal(await rig.text('/etc/systemd/resolved.conf.d/zz-dns4tor.conf'), RESOLVED);
  await uninstall(rig.machine, { force: false });
  assert.deepEqual(await rig.snapshot(), before);
  assert.deepEqual(rig.commands, [RESTART, RELOAD]);
});

test('a second install reports that names are no longer resolved, and changes nothing', async () => {
  await using rig = await createRig();
  await MANAGERS.NetworkManager(rig);
  await install(rig.machine, TARGET);
  rig.checks.nameserver = () => Promise.reject(new Error('no answer'));
  await refuses(rig, () => install(rig.machine, TARGET), 'ERR_SYSTEM_UNRESOLVED');
  rig.checks.upstream = () => Promise.reject(new Error('nobody there'));
  await refuses(rig, () => install(rig.machine, TARGET), /nobody there/);
});

test('the time to confirm starts after the checks', async () => {
  await using rig = await createRig();
  await MANAGERS['systemd-resolved'](rig);
  rig.checks.nameserver = async () => rig.clock.advance(20_000);
  const { untilEpochMs = 0 } = await install(rig.machine, TARGET, { confirmWithinMs: 10_000 });
  assert.equal(untilEpochMs, rig.clock.epochMs() + 10_000);
  const timer = await rig.text('/etc/systemd/system/dns4tor-settle.timer');
  assert.match(timer, new RegExp(`^OnCalendar=@${Math.ceil(untilEpochMs / 1000)}$`, 'm'));
});

test('one warning names all links whose servers systemd-resolved also asks for all names', async () => {
  await using rig = await createRig();
  await MANAGERS['systemd-resolved'](rig);
  tellLinks(rig, { eth0: ['192.168.1.1', 'lan'], wg0: ['10.8.0.1', '~.'], lo: ['127.0.0.1', '~.'], tun1: ['', '~.'] });
  await install(rig.machine, TARGET);
  assert.equal(rig.warnings.length, 1);
  assert.match(rig.warnings[0] ?? '', /to the servers of wg0 \(domain ~\.\).* resolvectl domain wg0 ''$/);
  tellLinks(rig, { wg0: ['10.8.0.1', '~.'], tun1: ['10.9.0.1', '~.'] });
  await install(rig.machine, TARGET);
  assert.match(rig.warnings[1] ?? '', /wg0, tun1 .* resolvectl domain wg0 ''; resolvectl domain tun1 ''$/);
  await pause(rig.machine, 60_000);
  await settle(rig.machine, true);
  assert.equal(rig.warnings[2], rig.warnings[1]);
  rig.answers.delete('systemctl is-active --quiet systemd-resolved.service');
  await warnAboutOtherLinks(rig.machine);
  assert.equal(rig.warnings.length, 3);
});

/** Output of resolvectl(1) for the servers and domains of links. */
function tellLinks(rig: Rig, links: Readonly<Record<string, readonly [servers: string, domains: string]>>): void {
  for (const [index, verb] of ['dns', 'domain'].entries()) {
    const lines = Object.entries(links).map(([link, words], number) => `Link ${number} (${link}): ${words[index]}\n`);
    rig.answers.set(`resolvectl --no-pager ${verb}`, { status: 0, stdout: `Global: 127.0.0.1\n${lines.join('')}` });
  }
}

test('an unwritable journal is reported as an error, not as a defect', async () => {
  await using rig = await createRig();
  await MANAGERS['a plain file'](rig);
  const fs = failWith(rig.machine.fs, { makeDirectory: 'EROFS' }, (path) => path.startsWith('/var/lib/'));
  const machine = { ...rig.machine, fs };
  await refuses(rig, () => install(machine, TARGET), 'ERR_SYSTEM_FILE');
});

test('a temporary file that cannot be removed is reported as an error, not as a defect', async () => {
  await using rig = await createRig();
  await MANAGERS['systemd-resolved'](rig);
  await install(rig.machine, TARGET);
  await rig.write('/etc/systemd/system/.dns4tor-settle.timer.dns4tor-new', '');
  const fs = failWith(rig.machine.fs, { remove: 'EROFS' }, (path) => path.endsWith('.dns4tor-new'));
  await assert.rejects(uninstall({ ...rig.machine, fs }, { force: false }), { code: 'ERR_SYSTEM_FILE' });
});

/** A machine on which something else happens while a command runs. */
function meanwhile(rig: Rig, command: string, happens: () => Promise<void>): Machine {
  const run: Machine['run'] = async (words) => {
    if (words.join(' ') === command) await happens();
    return rig.machine.run(words);
  };
  return { ...rig.machine, run };
}

test('everything is rolled back if a manager still writes resolv.conf', async () => {
  await using rig = await createRig();
  await MANAGERS['systemd-resolved'](rig);
  await rig.machine.fs.overwrite(
    '/run/systemd/resolve/stub-resolv.conf',
    Buffer.from('nameserver 127.0.0.53\nnameserver 192.168.1.1\n'),
  );
  await refuses(rig, () => install(rig.machine, TARGET), 'ERR_SYSTEM_CHECK');
});

test('an installation at another address is refused while the first is in place', async () => {
  await using rig = await createRig();
  await MANAGERS['a plain file'](rig);
  await install(rig.machine, TARGET);
  await refuses(rig, () => install(rig.machine, { address: '::1', port: 53 }), 'ERR_SYSTEM_INSTALLED');
});

test('uninstall neither overwrites nor loses a later edit, and --force backs it up', async () => {
  await using rig = await createRig();
  await MANAGERS.NetworkManager(rig);
  const before = await rig.snapshot();
  await install(rig.machine, TARGET);
  await rig.write('/etc/resolv.conf', 'nameserver 9.9.9.9\n');
  await refuses(rig, () => uninstall(rig.machine, { force: false }), 'ERR_SYSTEM_EDITED');

  await uninstall(rig.machine, { force: true });
  const kept = 'etc/resolv.conf.before-uninstall';
  assert.equal(await rig.text(kept), 'nameserver 9.9.9.9\n');
  const { [kept]: _, ...rest } = await rig.snapshot();
  assert.deepEqual(rest, before);
});

test('after a complete installation, an emptied file is an edit, not a torn write', async () => {
  await using rig = await createRig();
  await MANAGERS['a plain file'](rig);
  await install(rig.machine, TARGET);
  await rig.write('/etc/resolv.conf', '');
  await refuses(rig, () => uninstall(rig.machine, { force: false }), 'ERR_SYSTEM_EDITED');
});

test('uninstall accepts files restored by hand, and files whose permissions changed', async () => {
  await using rig = await createRig();
  await MANAGERS.NetworkManager(rig);
  const before = await rig.snapshot();
  const original = await rig.text('/etc/resolv.conf');
  await install(rig.machine, TARGET);
  await rig.write('/etc/resolv.conf', original, 0o600);
  await rig.write('/etc/NetworkManager/conf.d/zz-dns4tor.conf', NETWORK_MANAGER, 0o600);
  await uninstall(rig.machine, { force: false });
  assert.deepEqual(await rig.snapshot(), before);
});

test('files restored by hand are installed again', async () => {
  await using rig = await createRig();
  await MANAGERS.NetworkManager(rig);
  const before = await rig.snapshot();
  const original = await rig.text('/etc/resolv.conf');
  await install(rig.machine, TARGET);
  await rig.write('/etc/resolv.conf', original);
  await install(rig.machine, TARGET);
  assert.equal(await rig.text('/etc/resolv.conf'), RESOLV_CONF);
  await uninstall(rig.machine, { force: false });
  assert.deepEqual(await rig.snapshot(), before);
});

for (const path of ['/var', '/var/lib']) {
  test(`if other users may write to ${path}, no journal is written or restored there`, async () => {
    await using rig = await createRig();
    await MANAGERS['systemd-resolved'](rig);
    await chmod(join(rig.root, path), 0o777);
    await refuses(rig, () => install(rig.machine, TARGET), 'ERR_UNTRUSTED_PATH');
    await refuses(rig, () => install(rig.machine, TARGET, { confirmWithinMs: 60_000 }), 'ERR_UNTRUSTED_PATH');
    await refuses(rig, () => previewInstallation(rig.machine, TARGET), 'ERR_UNTRUSTED_PATH');
    assert.deepEqual(rig.commands, []);
    assert.equal(await uninstall(rig.machine, { force: false }), false);

    await chmod(join(rig.root, path), 0o755);
    await install(rig.machine, TARGET);
    await chmod(join(rig.root, path), 0o777);
    await refuses(rig, () => uninstall(rig.machine, { force: true }), 'ERR_UNTRUSTED_PATH');
    await refuses(rig, () => pause(rig.machine, 60_000), 'ERR_UNTRUSTED_PATH');
  });
}

test('a marked file without a journal does not count as an original', async () => {
  await using rig = await createRig();
  await MANAGERS['a plain file'](rig);
  await rig.write('/etc/resolv.conf', RESOLV_CONF);
  await refuses(rig, () => install(rig.machine, TARGET), 'ERR_SYSTEM_MARKED');
});

test('the journal is readable only by root, and a malformed one is refused', async () => {
  await using rig = await createRig();
  await MANAGERS['a plain file'](rig);
  await install(rig.machine, TARGET);
  const snapshot = await rig.snapshot();
  assert.match(snapshot['var/lib/dns4tor-install/journal.json'] ?? '', /^100600 /);
  assert.match(snapshot['var/lib/dns4tor-install'] ?? '', /^40700 /);
  await rig.write('/var/lib/dns4tor-install/journal.json', '{"version":2}');
  await refuses(rig, () => uninstall(rig.machine, { force: true }), 'ERR_SYSTEM_JOURNAL');
});

/** Asserts that an action rejects and changes nothing. */
async function refuses(rig: Rig, work: () => Promise<unknown>, reason: ErrorCode | RegExp): Promise<void> {
  const before = await rig.snapshot();
  await assert.rejects(work, reason instanceof RegExp ? reason : { code: reason });
  assert.deepEqual(await rig.snapshot(), before);
}
