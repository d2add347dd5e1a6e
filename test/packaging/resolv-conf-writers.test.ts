import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { findSystemResolver } from '../../src/system/find-system-resolver.ts';
import { install } from '../../src/system/install.ts';
import { readNameservers } from '../../src/system/managers/resolv-conf.ts';
import { uninstall } from '../../src/system/uninstall.ts';
import { createRigIn, MANAGERS, type Rig, TARGET } from '../system/rig.ts';
import { createRootMaker, type RootMaker, type UnpackedRoot } from './unpacked-root.ts';

/*
 * Runs scripts of Debian packages in a chroot: those of DHCP clients after a lease, and those of resolvconf after that.
 */

const CLIENTS = ['isc-dhcp-client', 'dhcpcd-base', 'udhcpc'] as const;
const OTHER_WRITERS = ['ppp', 'wide-dhcpv6-client'] as const;
const RESOLVCONFS = ['resolvconf', 'openresolv'] as const;
/** Packages that ship /etc/resolvconf/update.d without requiring resolvconf. */
const OWNERS_OF_LEFTOVERS = ['unbound', 'dnsmasq'] as const;

/** The network's own resolver in each client's lease, before and after renewal. */
const LEASES = {
  dhclient: ['192.0.2.1', '198.51.100.1'],
  dhcpcd: ['192.0.2.2', '198.51.100.2'],
  udhcpc: ['192.0.2.3', '198.51.100.3'],
} as const;
type Client = keyof typeof LEASES;
const ALL_CLIENTS = Object.keys(LEASES) as readonly Client[];

let maker: RootMaker;

before(async () => {
  maker = await createRootMaker([...CLIENTS, ...OTHER_WRITERS, ...RESOLVCONFS, ...OWNERS_OF_LEFTOVERS]);
});

after(() => maker[Symbol.asyncDispose]());

/** Simulates a lease: runs each client's script as its daemon would, following the manual. */
const TAKE_LEASE: Readonly<Record<Client, (root: UnpackedRoot, server: string, isRenewal: boolean) => Promise<void>>> =
  {
    dhclient: (root, server, isRenewal) => {
      const lease = { interface: 'eth0', new_ip_address: '192.0.2.77', new_domain_name: 'lan' };
      const reason = isRenewal ? 'RENEW' : 'BOUND';
      return root.run({ ...lease, reason, new_domain_name_servers: server }, '/sbin/dhclient-script');
    },
    dhcpcd: (root, server, isRenewal) => {
      const lease = {
        interface: 'eth1',
        protocol: 'dhcp',
        if_configured: 'true',
        if_up: 'true',
        new_domain_name: 'lan',
      };
      const reason = isRenewal ? 'RENEW' : 'BOUND';
      return root.run({ ...lease, reason, new_domain_name_servers: server }, '/usr/lib/dhcpcd/dhcpcd-run-hooks');
    },
    udhcpc: (root, server, isRenewal) => {
      const lease = { interface: 'eth2', ip: '192.0.2.79', subnet: '255.255.255.0', domain: 'lan' };
      return root.run({ ...lease, dns: server }, '/etc/udhcpc/default.script', isRenewal ? 'renew' : 'bound');
    },
  };

/** What is installed besides the DHCP clients. */
const SURROUNDINGS = {
  'no resolvconf': async () => {},
  'the folder that unbound and dnsmasq ship for resolvconf': async (root) => {
    for (const name of OWNERS_OF_LEFTOVERS) await root.unpack(name, 'etc/resolvconf');
  },
  'what a removed resolvconf leaves': (root) => root.unpack('resolvconf', 'etc'),
  'what a removed openresolv leaves': (root) => root.unpack('openresolv', 'etc'),
  resolvconf: async (root) => {
    await root.unpack('resolvconf');
    // As its postinst script does.
    await mkdir(join(root.path, 'run/resolvconf/interface'), { recursive: true });
    await writeFile(join(root.path, 'run/resolvconf/enable-updates'), '');
    await symlink('../run/resolvconf/resolv.conf', join(root.path, 'etc/resolv.conf'));
  },
  openresolv: (root) => root.unpack('openresolv'),
  'openresolv without its configuration': async (root) => {
    await root.unpack('openresolv', 'sbin');
    await root.unpack('openresolv', 'lib');
    await root.unpack('openresolv', 'etc/dhcp');
    await root.unpack('unbound', 'etc/resolvconf');
  },
  'systemd-resolved and its stub': () => Promise.resolve(),
} as const satisfies Readonly<Record<string, (root: UnpackedRoot) => Promise<void>>>;
type Surrounding = keyof typeof SURROUNDINGS;

/** A machine whose files and commands are in the chroot. */
async function createMachine(surrounding: Surrounding): Promise<{ rig: Rig; root: UnpackedRoot }> {
  const root = await maker.create();
  const rig = await createRigIn(root.path, async () => {});
  for (const name of CLIENTS) await root.unpack(name);
  await SURROUNDINGS[surrounding](root);
  if (surrounding === 'systemd-resolved and its stub') await MANAGERS['systemd-resolved'](rig);
  return { rig, root };
}

/** The machine, with the real `resolvconf`. */
function machineOf({ machine }: Rig, root: UnpackedRoot): Rig['machine'] {
  return {
    ...machine,
    run: async (command) => {
      if (command[0] === 'resolvconf') await root.run({}, ...command);
      return machine.run(command);
    },
  };
}

for (const surrounding of Object.keys(SURROUNDINGS) as readonly Surrounding[]) {
  test(`${surrounding}: no DHCP client puts the network's server into resolv.conf after install`, async () => {
    const hasStub = surrounding === 'systemd-resolved and its stub';
    const { rig, root } = await createMachine(surrounding);
    await using machine = { ...rig, machine: machineOf(rig, root) };
    const servers = (): Promise<readonly string[]> => readNameservers(machine.machine.fs);
    // systemd-resolved is not running here, so nothing would rewrite its stub file.
    for (const client of hasStub ? [] : ALL_CLIENTS) {
      const [server] = LEASES[client];
      await TAKE_LEASE[client](root, server, false);
      assert.ok((await servers()).includes(server), `before install, ${client} names the network's server`);
    }

    await install(machine.machine, TARGET);
    const installed = await servers();
    assert.deepEqual(installed, hasStub ? ['127.0.0.53'] : ['127.0.0.1']);
    for (const client of ALL_CLIENTS) {
      const [, server] = LEASES[client];
      for (const isRenewal of [false, true]) await TAKE_LEASE[client](root, server, isRenewal);
      assert.deepEqual(await servers(), installed, client);
    }

    assert.equal(await uninstall(machine.machine, { force: false }), true);
    if (surrounding === 'resolvconf' || surrounding.startsWith('openresolv')) {
      const renewed: readonly string[] = ALL_CLIENTS.map((client) => LEASES[client][1]);
      assert.deepEqual(
        (await servers()).toSorted(),
        renewed,
        'after uninstall, resolv.conf has the servers that resolvconf received meanwhile',
      );
    }
    for (const client of ALL_CLIENTS) {
      const [, server] = LEASES[client];
      await TAKE_LEASE[client](root, server, true);
      assert.ok((await servers()).includes(server), `after uninstall, ${client} names the network's server again`);
    }
  });
}

for (const client of ALL_CLIENTS) {
  const shipped = { dhclient: 'isc-dhcp-client', dhcpcd: 'dhcpcd-base', udhcpc: 'udhcpc' }[client];
  test(`${client}, installed after dns4tor, is noticed at its first lease, and install takes the place back for good`, async () => {
    const root = await maker.create();
    await using rig = await createRigIn(root.path, async () => {});
    const { fs } = rig.machine;
    const state = async (): Promise<string | undefined> =>
      (await findSystemResolver(fs, ({ address }) => address === TARGET.address))?.state;
    await rig.write('/etc/resolv.conf', 'nameserver 203.0.113.1\n');
    await install(rig.machine, TARGET);
    assert.equal(await state(), 'leads_here');

    await root.unpack(shipped);
    const [first, second] = LEASES[client];
    await TAKE_LEASE[client](root, first, false);
    assert.equal(await state(), 'elsewhere');

    await install(rig.machine, TARGET);
    assert.equal(await state(), 'leads_here');
    assert.ok((await readNameservers(fs, '/etc/resolv.conf.before-install')).includes(first));
    await TAKE_LEASE[client](root, second, true);
    assert.equal(await state(), 'leads_here');
    await uninstall(rig.machine, { force: false });
    assert.deepEqual(await readNameservers(fs), ['203.0.113.1']);
  });
}

test("neither pppd nor dhcp6c puts the network's server into resolv.conf after install, also when a link goes down", async () => {
  const root = await maker.create();
  await using rig = await createRigIn(root.path, async () => {});
  for (const name of OTHER_WRITERS) await root.unpack(name, 'etc');
  await rig.write('/etc/default/wide-dhcpv6-client', 'INTERFACES=eth3\n');
  await rig.write('/etc/ppp/resolv.conf', 'nameserver 192.0.2.4\n');
  await rig.write('/etc/resolv.conf', 'nameserver 203.0.113.1\n');
  const link = (direction: 'up' | 'down'): Promise<void> =>
    root.run({ USEPEERDNS: '1', PPP_IFACE: 'ppp0' }, `/etc/ppp/ip-${direction}.d/0000usepeerdns`);
  const lease = (): Promise<void> =>
    root.run({ new_domain_name_servers: '2001:db8::5' }, '/etc/wide-dhcpv6/dhcp6c-script');
  const servers = (): Promise<readonly string[]> => readNameservers(rig.machine.fs);
  await link('up');
  assert.deepEqual(await servers(), ['192.0.2.4']);
  await lease();
  assert.deepEqual(await servers(), ['2001:db8::5', '192.0.2.4']);

  await install(rig.machine, TARGET);
  for (const happen of [lease, () => link('down'), () => link('up')]) {
    await happen();
    assert.deepEqual(await servers(), ['127.0.0.1']);
  }

  await uninstall(rig.machine, { force: false });
  assert.deepEqual(await servers(), ['2001:db8::5', '192.0.2.4']);
  await link('down');
  assert.deepEqual(await servers(), ['203.0.113.1']);
});
