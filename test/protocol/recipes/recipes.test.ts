import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { blockAt, pageAt } from '../../docs/pages.ts';
import { parseShell } from '../../docs/shell.ts';
import { parseYaml } from '../../docs/yaml.ts';
import { findProgram } from '../../fixtures/process/find-program.ts';
import { createRootMaker } from '../../packaging/unpacked-root.ts';
import { type Machine, NETWORK_RESOLVER, startMachine } from './laboratory.ts';
import { openWrtOptions } from './openwrt.ts';
import { piHoleOptions } from './pi-hole.ts';

/*
 * Runs the recipes of docs/behind-other-resolvers.md and docs/household.md as they stand there, with the real programs
 * in front of dns4tor. Each machine is a network namespace, so that addresses and ports are those of the recipes too.
 */

const [BEHIND, HOUSEHOLD] = ['docs/behind-other-resolvers.md', 'docs/household.md'];
const RUN_DNS4TOR = 'Run dns4tor on port 5053';

const resources = new AsyncDisposableStack();
after(() => resources.disposeAsync());
const machine = resources.use(await startMachine());
const dns4tor = resources.use(await machine.startDns4tor(shellBlocks(RUN_DNS4TOR)[0] ?? ''));

const WITHOUT_DOT = 'printer';
/** Names that are not public. */
const LOCAL_NAMES = [WITHOUT_DOT, 'nas.lan', 'printer.local', '1.1.168.192.in-addr.arpa'];

/**
 * Asserts that a server resolves public names through dns4tor, denies local ones, and asks nobody else.
 *
 * @param withoutDot status for a name without a dot
 */
async function resolves(
  client: Machine,
  server: string,
  validates: 'validates' | 'does not validate',
  withoutDot = 'NXDOMAIN',
): Promise<void> {
  const { status, answer, flags, text } = await client.dig(`@${server}`, 'public.lab');
  assert.equal(status, 'NOERROR', text);
  assert.deepEqual(
    answer.map(({ data }) => data),
    ['198.18.0.1'],
  );
  assert.equal(flags.includes('ad'), validates === 'validates', text);
  assert.equal((await client.dig(`@${server}`, 'nowhere.lab')).status, 'NXDOMAIN');
  for (const name of LOCAL_NAMES) {
    const reply = await client.dig(`@${server}`, name, name.endsWith('.arpa') ? 'PTR' : 'A');
    assert.equal(reply.status, name === WITHOUT_DOT ? withoutDot : 'NXDOMAIN', reply.text);
  }
  assert.equal(await client.leaks(), 0);
}

/** The shell blocks of a section, in order. */
function shellBlocks(section: string, page = BEHIND): readonly string[] {
  return pageAt(page).blocks.flatMap((block) =>
    block.section === section && block.language === 'sh' ? [block.text] : [],
  );
}

test('dns4tor listens on the port that all recipes name', () => assert.equal(dns4tor.port, 5053));

test('Pi-hole: with the options that its settings become, dnsmasq validates what dns4tor answers', async () => {
  const options = piHoleOptions(parseShell(blockAt(BEHIND, 'Pi-hole', 'sh')), machine.dnsmasqAnchor);
  await using _ = await machine.startDnsmasq(options, '127.0.0.1');
  await resolves(machine, '127.0.0.1', 'validates');
});

test('unbound validates what dns4tor answers', async () => {
  const [own, recipe] = [join(machine.directory, 'unbound.conf'), join(machine.directory, 'recipe.conf')];
  await writeFile(recipe, blockAt(BEHIND, 'unbound', 'unbound'));
  await writeFile(
    own,
    [
      'server:',
      'username: ""',
      'chroot: ""',
      'pidfile: ""',
      'use-syslog: no',
      'do-daemonize: no',
      `directory: "${machine.directory}"`,
      `trust-anchor: "${machine.trustAnchor}"`,
      `include: "${recipe}"`,
    ].join('\n'),
  );
  await using _ = await machine.startServer([await findProgram('unbound'), '-d', '-c', own], '127.0.0.1');
  await resolves(machine, '127.0.0.1', 'validates', 'SERVFAIL');
});

test('dnsmasq validates what dns4tor answers, and without the last two lines it does not validate', async () => {
  const options = blockAt(BEHIND, 'dnsmasq', 'dnsmasq').split('\n');
  const listen = ['listen-address=127.0.0.1', 'bind-interfaces'];
  {
    await using _ = await machine.startDnsmasq([...options, ...listen], '127.0.0.1');
    await resolves(machine, '127.0.0.1', 'validates');
  }
  await using _ = await machine.startDnsmasq([...options.slice(0, -2), ...listen], '127.0.0.1');
  await resolves(machine, '127.0.0.1', 'does not validate');
});

test('OpenWrt: a router whose dnsmasq has the options that the uci commands become asks dns4tor in the LAN', async () => {
  await using router = await machine.connect('lan1', '192.168.1.2/24', '192.168.1.1/24');
  const [run = '', configure = ''] = shellBlocks('OpenWrt');
  await using servers = new AsyncDisposableStack();
  servers.use(await machine.startDns4tor(run));
  servers.use(await router.startDnsmasq(openWrtOptions(parseShell(configure), router.resolvConf), '192.168.1.1'));
  await resolves(router, '192.168.1.1', 'does not validate');
});

test('systemd-resolved sends all names to dns4tor, and none to the resolver of a link', async () => {
  await using maker = await createRootMaker(['systemd-resolved', 'libsystemd-shared']);
  const root = await maker.create();
  for (const name of ['systemd-resolved', 'libsystemd-shared']) await root.unpack(name);
  const [program = ''] = globSync(`${root.path}/{lib,usr/lib}/systemd/systemd-resolved`);
  const [library = ''] = globSync(`${root.path}/usr/lib/{systemd,*/systemd}/libsystemd-shared-*.so`);
  const configuration = join(machine.directory, 'systemd');
  await mkdir(join(configuration, 'resolved.conf.d'), { recursive: true });
  await writeFile(join(configuration, 'resolved.conf.d', 'dns4tor.conf'), blockAt(BEHIND, 'systemd-resolved', 'conf'));
  // resolved changes to the user of this name.
  const users = join(machine.directory, 'passwd');
  await writeFile(users, 'root:x:0:0::/:/bin/sh\nsystemd-resolve:x:0:0::/:/bin/sh\n');
  // What systemd-networkd writes of a link whose network offers a resolver.
  const link = `ADMIN_STATE=configured\nOPER_STATE=routable\nDNS=${NETWORK_RESOLVER}\nDNS_DEFAULT_ROUTE=yes`;
  const [wan] = JSON.parse(await machine.namespace.run(await findProgram('ip'), '-json', 'link', 'show', 'wan'));
  const start = [
    'mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/netif/links',
    'echo "$5" > "/run/systemd/netif/links/$6"',
    'mount --bind "$1" /etc/systemd && mount --bind "$2" /etc/passwd',
    'LD_LIBRARY_PATH="$3" exec "$4"',
  ].join(' && ');
  const args = ['sh', configuration, users, join(library, '..'), program, link, String(wan.ifindex)];
  const command = [await findProgram('unshare'), '--mount', 'sh', '-c', start, ...args];
  await using _ = await machine.startServer(command, '127.0.0.53');
  // resolved itself refuses these to DNS (ResolveUnicastSingleLabel=no).
  await resolves(machine, '127.0.0.53', 'does not validate', 'REFUSED');
});

test('NetworkManager: its dnsmasq asks dns4tor, and no server of the network', async () => {
  const section = 'NetworkManager with dnsmasq';
  const servers = /^\[global-dns-domain-\*\]\nservers=(?<list>.*)$/m.exec(blockAt(BEHIND, section, 'conf'));
  const configuration = join(machine.directory, 'dnsmasq.d');
  await mkdir(configuration);
  await writeFile(join(configuration, 'dns4tor.conf'), `${blockAt(BEHIND, section, 'dnsmasq')}\n`);
  // The options of nm-dns-dnsmasq.c. NetworkManager adds the servers over D-Bus: those of the section, or the
  // network's.
  const options = [
    'no-resolv',
    'no-hosts',
    'bind-interfaces',
    'listen-address=127.0.0.1',
    'cache-size=400',
    'clear-on-reload',
    'proxy-dnssec',
    `conf-dir=${configuration}`,
    ...(servers?.groups?.['list'] ?? NETWORK_RESOLVER).split(',').map((server) => `server=${server}`),
  ];
  await using _ = await machine.startDnsmasq(options, '127.0.0.1');
  await resolves(machine, '127.0.0.1', 'does not validate');
});

test('DHCP: a phone learns the address of dns4tor from dnsmasq, and dns4tor answers it', async () => {
  await using phone = await machine.connect('lan2', '192.168.1.1/24');
  const ip = await findProgram('ip');
  await machine.namespace.run(ip, 'address', 'add', '192.168.1.2/24', 'dev', 'lan2');
  // A phone has no other way out, and no address before its lease.
  await phone.namespace.run(ip, 'link', 'delete', 'wan');
  await phone.namespace.run(ip, 'route', 'add', 'default', 'dev', 'eth0');
  const [run = ''] = shellBlocks('Answer other devices', HOUSEHOLD);
  await using servers = new AsyncDisposableStack();
  servers.use(await machine.startDns4tor(run));
  const options = blockAt(HOUSEHOLD, 'Phones and other devices by DHCP', 'dnsmasq').split('\n');
  const own = [
    'port=0',
    'interface=lan2',
    `dhcp-leasefile=${machine.directory}/leases`,
    'no-ping',
    'dhcp-authoritative',
  ];
  servers.use(await machine.startDnsmasq([...options, ...own]));
  const client = fileURLToPath(new URL('dhcp-client.ts', import.meta.url));
  const lease = JSON.parse(await phone.namespace.run(process.execPath, client));
  assert.deepEqual(lease.servers, ['192.168.1.2']);
  await phone.namespace.run(ip, 'address', 'add', `${lease.address}/24`, 'dev', 'eth0');
  await resolves(phone, lease.servers[0], 'does not validate');
});

test('Docker: a container asks dns4tor on the bridge, not at its own 127.0.0.1', async () => {
  await using container = await machine.connect('docker0', '172.17.0.1/16', '172.17.0.2/16');
  await using _ = await machine.startDns4tor(shellBlocks('Docker')[0] ?? '');
  const { dns } = JSON.parse(blockAt(BEHIND, 'Docker', 'json'));
  await writeFile(container.resolvConf, dns.map((server: string) => `nameserver ${server}\n`).join(''));
  const { status, text } = await container.dig('public.lab');
  assert.equal(status, 'NOERROR', text);
  await resolves(container, dns[0], 'does not validate');
  await assert.rejects(container.dig('@127.0.0.1', '+time=1', 'public.lab'));
  assert.deepEqual(parseYaml(blockAt(BEHIND, 'Docker', 'yaml')), { services: { web: { image: 'debian', dns } } });
});

test('AdGuard Home: its configuration names dns4tor as the only server, and nothing that bypasses it', () => {
  const server = ['127.0.0.1:5053'];
  assert.deepEqual(parseYaml(blockAt(BEHIND, 'AdGuard Home', 'yaml')), {
    dns: { upstream_dns: server, bootstrap_dns: server, fallback_dns: [], enable_dnssec: 'true' },
    filtering: { safebrowsing_enabled: 'false', parental_enabled: 'false' },
  });
});
