import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadSettings } from '../../src/config/load.ts';
import { OPTION_KEYS } from '../../src/config/options.ts';
import { validate } from '../../src/config/validate.ts';
import { takeHandedOver } from '../../src/daemon/handed-over.ts';
import { createCertificateAuthority } from '../fixtures/certificates.ts';
import { findProgram } from '../fixtures/process/find-program.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';

const UNITS = fileURLToPath(new URL('../../systemd', import.meta.url));
/** Directory of the units of Debian's tor and of systemd. */
const SYSTEM_UNITS = '/usr/lib/systemd/system';
const OWN_UNITS = '/etc/systemd/system';
/** RFC 1918, RFC 4193, and the link-local networks of RFC 3927 and RFC 4291. */
const PRIVATE_NETWORKS: readonly string[] = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  'fc00::/7',
  '169.254.0.0/16',
  'fe80::/10',
];

interface Verdict {
  readonly status: number;
  readonly output: string;
}

async function analyze(...args: readonly string[]): Promise<Verdict> {
  const path = await findProgram('systemd-analyze');
  return new Promise((resolve) => {
    execFile(path, args, (error, stdout, stderr) => {
      resolve({ status: typeof error?.code === 'number' ? error.code : 0, output: stdout + stderr });
    });
  });
}

type Edit = (unit: string) => string;

/** Verifies a unit by systemd-analyze, on a machine with Debian's tor, after changes to the unit and with drop-ins. */
async function verify(
  unit: string,
  { edit = (text) => text, dropIns = [] }: { readonly edit?: Edit; readonly dropIns?: readonly string[] } = {},
): Promise<Verdict> {
  await using root = await createTemporaryDirectory();
  const inRoot = (path: string): string => join(root.path, path);
  // With Tor's units and the boot's targets, which take part in the ordering.
  await cp(SYSTEM_UNITS, inRoot(SYSTEM_UNITS), { recursive: true, verbatimSymlinks: true });
  await mkdir(inRoot(OWN_UNITS), { recursive: true });
  for (const name of (await readdir(UNITS)).filter((file) => /\.(service|socket)$/.test(file))) {
    const text = await readFile(join(UNITS, name), 'utf8');
    await writeFile(inRoot(join(OWN_UNITS, name)), name === unit ? edit(text) : text);
  }
  for (const dropIn of dropIns) {
    await cp(join(UNITS, 'drop-ins', dropIn), inRoot(join(OWN_UNITS, `${unit}.d`, dropIn)));
  }
  for (const program of ['/usr/bin/dns4tor', '/usr/bin/tor', '/bin/sh']) {
    await mkdir(inRoot(dirname(program)), { recursive: true });
    await writeFile(inRoot(program), '', { mode: 0o755 });
  }
  return await analyze('verify', `--root=${root.path}`, unit);
}

/** systemd's exposure level of a service: 0 is none, 10 the maximum (systemd-analyze(1), "security"). */
async function exposure(...lines: readonly string[]): Promise<number> {
  const { output } = await analyze('security', '--offline=true', ...lines);
  const found = /Overall exposure level for \S+: ([\d.]+)/.exec(output)?.[1];
  assert.ok(found !== undefined, output);
  return Number(found);
}

const CLEAN: Verdict = { status: 0, output: '' };

test("Debian has the Tor unit that dns4tor's units are ordered by", async () => {
  const text = await readFile(join(SYSTEM_UNITS, 'tor@default.service'), 'utf8');
  assert.match(text, /^After=.*\bnss-lookup\.target$/m);
});

for (const unit of [
  'dns4tor.service',
  'dns4tor.socket',
  'dns4tor-metrics.socket',
  'dns4tor-dot.socket',
  'dns4tor-doh.socket',
  'dns4tor-doh-plain.socket',
  'dns4tor-standalone.service',
]) {
  test(`systemd accepts ${unit} together with Tor's units: no unknown key, no cycle`, async () => {
    assert.deepEqual(await verify(unit), CLEAN);
  });
}

for (const [dropIn, unit] of [
  ['jitless.conf', 'dns4tor.service'],
  ['routes.conf', 'dns4tor.service'],
  ['tor-control.conf', 'dns4tor.service'],
  ['port-5053.conf', 'dns4tor.socket'],
  ['household-socket.conf', 'dns4tor.socket'],
  ['encrypted.conf', 'dns4tor.service'],
  ['reverse-proxy.conf', 'dns4tor.service'],
  ['household-dot.conf', 'dns4tor-dot.socket'],
  ['household-doh.conf', 'dns4tor-doh.socket'],
  ['encrypted-standalone.conf', 'dns4tor-standalone.service'],
  ['household-standalone.conf', 'dns4tor-standalone.service'],
] as const) {
  test(`systemd accepts the drop-in ${dropIn}`, async () => {
    assert.deepEqual(await verify(unit, { dropIns: [dropIn] }), CLEAN);
    const firstLine = (await readFile(join(UNITS, 'drop-ins', dropIn), 'utf8')).split('\n', 1).join();
    assert.ok(firstLine.startsWith(`# For /etc/systemd/system/${unit}.d: `), firstLine);
  });
}

/** The values of a key in a unit or drop-in, in order. */
async function valuesOf(file: string, key: string): Promise<string[]> {
  const lines = (await readFile(join(UNITS, file), 'utf8')).split('\n');
  return lines.filter((line) => line.startsWith(`${key}=`)).map((line) => line.slice(key.length + 1));
}

test('every socket of the units and drop-ins is there for UDP and for TCP, in the same order, and is no wildcard', async () => {
  for (const file of ['dns4tor.socket', 'drop-ins/port-5053.conf', 'drop-ins/household-socket.conf']) {
    const udp = await valuesOf(file, 'ListenDatagram');
    assert.ok(udp.length > 0, file);
    assert.deepEqual(await valuesOf(file, 'ListenStream'), udp, file);
    assert.doesNotMatch(udp.join('\n'), /0\.0\.0\.0|\[::\]/, file);
  }
});

test('the household drop-ins let in private and link-local networks only, and dns4tor takes what they set', async () => {
  const [byFilter = ''] = await valuesOf('drop-ins/household-standalone.conf', 'IPAddressAllow');
  for (const dropIn of ['household-socket.conf', 'household-dot.conf', 'household-doh.conf']) {
    assert.deepEqual(await valuesOf(join('drop-ins', dropIn), 'IPAddressAllow'), [byFilter], dropIn);
  }
  assert.ok(
    byFilter.split(' ').every((network) => PRIVATE_NETWORKS.includes(network)),
    byFilter,
  );
  const environment = await valuesOf('drop-ins/household-standalone.conf', 'Environment');
  const env = Object.fromEntries(environment.map((line) => line.split('=') as [string, string]));
  const config = validate(loadSettings({ flags: {}, env }));
  assert.deepEqual(config.addresses, ['0.0.0.0', '::']);
  assert.equal(env['DNS4TOR_ALLOW'], byFilter.replaceAll(' ', ','));
});

/** The variables that a drop-in sets, with systemd's specifier for the directory of credentials replaced. */
async function environmentOf(dropIn: string, credentials: string): Promise<Record<string, string>> {
  const lines = await valuesOf(join('drop-ins', dropIn), 'Environment');
  return Object.fromEntries(lines.map((line) => line.replace('%d', credentials).split('=') as [string, string]));
}

test('the sockets for DoT and DoH are for this machine only, on the default ports, with names that dns4tor knows', async () => {
  for (const [name, port] of [
    ['dot', 853],
    ['doh', 443],
  ] as const) {
    const unit = `dns4tor-${name}.socket`;
    assert.deepEqual(await valuesOf(unit, 'ListenStream'), [`127.0.0.1:${port}`, `[::1]:${port}`]);
    assert.deepEqual(await valuesOf(unit, 'ListenDatagram'), []);
    assert.deepEqual(await valuesOf(unit, 'IPAddressDeny'), ['any']);
    assert.deepEqual(await valuesOf(unit, 'IPAddressAllow'), ['localhost']);
    assert.deepEqual(await valuesOf(unit, 'Service'), ['dns4tor.service']);
    const [fdName = ''] = await valuesOf(unit, 'FileDescriptorName');
    const handedOver = takeHandedOver({ LISTEN_PID: '7', LISTEN_FDS: '1', LISTEN_FDNAMES: fdName }, 7);
    assert.deepEqual(handedOver[name], [3]);
    assert.deepEqual(await valuesOf(`drop-ins/household-${name}.conf`, 'ListenStream'), [`192.168.1.2:${port}`]);
  }
});

test('the service does not open the sockets that need a certificate, except with the drop-in that gives it one', async () => {
  const [own = ''] = await valuesOf('dns4tor.service', 'Sockets');
  assert.doesNotMatch(own, /dot|doh/);
  assert.deepEqual(await valuesOf('dns4tor.service', 'Also'), ['dns4tor.socket dns4tor-metrics.socket']);
  const added = await valuesOf('drop-ins/encrypted.conf', 'Sockets');
  assert.deepEqual(added, ['dns4tor-dot.socket dns4tor-doh.socket']);
  assert.deepEqual(await valuesOf('drop-ins/reverse-proxy.conf', 'Sockets'), ['dns4tor-doh-plain.socket']);
});

test('what stops the sockets for plain DNS stops all that are beside them, as does the standalone service', async () => {
  const conflicts = (await valuesOf('dns4tor-standalone.service', 'Conflicts')).join(' ').split(' ');
  for (const unit of (await readdir(UNITS)).filter((name) => name.endsWith('.socket'))) {
    assert.ok(conflicts.includes(unit), unit);
    const isOptional = !['dns4tor.socket', 'dns4tor-metrics.socket'].includes(unit);
    assert.deepEqual(await valuesOf(unit, 'PartOf'), isOptional ? ['dns4tor.socket'] : [], unit);
  }
});

test('only root and the web server connect to the socket for a reverse proxy', async () => {
  const unit = 'dns4tor-doh-plain.socket';
  assert.deepEqual(await valuesOf(unit, 'ListenStream'), ['/run/dns4tor-doh']);
  assert.deepEqual(await valuesOf(unit, 'SocketMode'), ['0660']);
  assert.deepEqual(await valuesOf(unit, 'SocketGroup'), ['www-data']);
  const [fdName = ''] = await valuesOf(unit, 'FileDescriptorName');
  const handedOver = takeHandedOver({ LISTEN_PID: '7', LISTEN_FDS: '1', LISTEN_FDNAMES: fdName }, 7);
  assert.deepEqual(handedOver.dohPlain, [3]);
});

test('the drop-ins for DoT and DoH give the service a certificate and a key that only root can read', async () => {
  await using authority = await createCertificateAuthority();
  const { certificatePath, keyPath } = await authority.issue(['dns.example.net']);
  for (const dropIn of ['encrypted.conf', 'encrypted-standalone.conf']) {
    const [credential = ''] = await valuesOf(join('drop-ins', dropIn), 'LoadCredential');
    const [name, source] = credential.split(':');
    assert.equal(source, '/etc/dns4tor/tls/key.pem');
    const { DNS4TOR_TLS_CERT: certificate, DNS4TOR_TLS_KEY: key, ...others } = await environmentOf(dropIn, '/run/c');
    assert.deepEqual([certificate, key], ['/etc/dns4tor/tls/cert.pem', `/run/c/${name}`]);
    const env = { ...others, DNS4TOR_TLS_CERT: certificatePath, DNS4TOR_TLS_KEY: keyPath };
    const { encrypted } = validate(loadSettings({ flags: {}, env }));
    const addresses = dropIn === 'encrypted.conf' ? [] : ['localhost'];
    assert.deepEqual([encrypted.dotAddresses, encrypted.dohAddresses], [addresses, addresses]);
  }
});

test('both services tell systemd when they are ready and alive, also through systemd-notify, and may start slowly', async () => {
  for (const unit of ['dns4tor.service', 'dns4tor-standalone.service']) {
    assert.deepEqual(await valuesOf(unit, 'Type'), ['notify'], unit);
    // A child process sends the messages if koffi cannot be loaded.
    assert.deepEqual(await valuesOf(unit, 'NotifyAccess'), ['all'], unit);
    assert.deepEqual(await valuesOf(unit, 'WatchdogSec'), ['60'], unit);
    assert.deepEqual(await valuesOf(unit, 'TimeoutStartSec'), ['300'], unit);
  }
});

test('systemd accepts the drop-in back-off.conf; versions before 254 do not know its two keys', async () => {
  const { status, output } = await verify('dns4tor.service', { dropIns: ['back-off.conf'] });
  const version = Number(/^systemd (\d+)/.exec((await analyze('--version')).output)?.[1]);
  const complaints = output.matchAll(
    /^.*\/back-off\.conf:\d+: Unknown key '(\w+)' in section \[Service\], ignoring\.\n/gm,
  );
  const unknown = [...complaints].map(([line, key]) => ({ line, key }));
  // systemd.service(5): added in version 254.
  const expected = version < 254 ? ['RestartSteps', 'RestartMaxDelaySec'] : [];
  assert.deepEqual(
    unknown.map(({ key }) => key),
    expected,
  );
  assert.deepEqual({ status, output }, { status: 0, output: unknown.map(({ line }) => line).join('') });
});

test('a service that fails is restarted after two seconds, without limit', async () => {
  for (const unit of ['dns4tor.service', 'dns4tor-standalone.service']) {
    const lines = (await readFile(join(UNITS, unit), 'utf8')).split('\n');
    for (const line of ['StartLimitIntervalSec=0', 'Restart=always', 'RestartSec=2'])
      assert.ok(lines.includes(line), line);
  }
});

test('a service before nss-lookup.target and after Tor is a cycle, which this test detects', async () => {
  const edit: Edit = (text) =>
    text.replace('[Service]', 'Before=nss-lookup.target\nWants=nss-lookup.target\n[Service]');
  assert.match(
    (await verify('dns4tor.service', { edit })).output,
    // systemd drops a different unit in each run.
    /(?:tor@default\.service|nss-lookup\.target)\/start deleted to break ordering cycle/,
  );
  const ordered: Edit = (text) => text.replace('[Service]', 'After=tor@default.service\n[Service]');
  assert.match((await verify('dns4tor-standalone.service', { edit: ordered })).output, /ordering cycle/);
});

test('the service has almost no exposure, and the standalone one a little more', async () => {
  assert.ok((await exposure(join(UNITS, 'dns4tor.service'))) <= 0.5);
  assert.ok((await exposure(join(UNITS, 'dns4tor-standalone.service'))) <= 1.5);
});

test('without a network of its own the service has no way out but its sockets and unix sockets, and leaves no core', async () => {
  const lines = (await readFile(join(UNITS, 'dns4tor.service'), 'utf8')).split('\n');
  for (const line of ['PrivateNetwork=yes', 'RestrictAddressFamilies=AF_UNIX', 'IPAddressDeny=any', 'LimitCORE=0']) {
    assert.ok(lines.includes(line), line);
  }
  const standalone = (await readFile(join(UNITS, 'dns4tor-standalone.service'), 'utf8')).split('\n');
  assert.ok(standalone.includes('LimitCORE=0'));
  const socket = (await readFile(join(UNITS, 'dns4tor.socket'), 'utf8')).split('\n');
  assert.ok(socket.includes('IPAddressDeny=any') && socket.includes('IPAddressAllow=localhost'));
});

test('serving DoT and DoH does not expose the services more', async () => {
  await using directory = await createTemporaryDirectory();
  for (const [unit, dropIn] of [
    ['dns4tor.service', 'encrypted.conf'],
    ['dns4tor-standalone.service', 'encrypted-standalone.conf'],
  ] as const) {
    const text = await readFile(join(UNITS, unit), 'utf8');
    const [, added = ''] = (await readFile(join(UNITS, 'drop-ins', dropIn), 'utf8')).split('[Service]\n');
    const path = join(directory.path, unit);
    await writeFile(path, text.replace('\n[Install]', `${added}\n[Install]`));
    assert.equal(await exposure(path), await exposure(join(UNITS, unit)), unit);
  }
});

test('with the drop-in for routes, the service still sends to no address but those that it names', async () => {
  await using directory = await createTemporaryDirectory();
  const unit = await readFile(join(UNITS, 'dns4tor.service'), 'utf8');
  const [, added = ''] = (await readFile(join(UNITS, 'drop-ins', 'routes.conf'), 'utf8')).split('[Service]\n');
  const path = join(directory.path, 'dns4tor.service');
  // As systemd merges them: the drop-in's lines come after those of the unit.
  await writeFile(path, unit.replace('\n[Install]', `${added}\n[Install]`));
  const { output } = await analyze('security', '--offline=true', '--no-pager', path);
  assert.match(output, /IPAddressDeny= +Service defines IP address allow list/);
  assert.ok(unit.includes('\nIPAddressDeny=any\n') && !added.includes('IPAddressDeny'));
  assert.match(added, /^IPAddressAllow=\d+\.\d+\.\d+\.\d+$/m);
  assert.ok((await exposure(path)) <= 1.5, output);
});

test('the units use existing flags', async () => {
  const units = (await readdir(UNITS)).filter((name) => name.endsWith('.service'));
  assert.deepEqual(units.toSorted(), ['dns4tor-standalone.service', 'dns4tor.service']);
  for (const name of units) {
    const command = /^ExecStart=(.*)$/m.exec(await readFile(join(UNITS, name), 'utf8'))?.[1] ?? '';
    const flags = [...command.matchAll(/--([a-z-]+)/g)].map(([, flag]) => flag);
    assert.ok(flags.length > 0, basename(name));
    for (const flag of flags)
      assert.ok(
        OPTION_KEYS.some((key) => key === flag),
        flag,
      );
  }
});
