import assert from 'node:assert/strict';
import { chmod, copyFile, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { runNode, COMMAND as SOURCES } from '../../cli/run-cli.ts';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { type RecordingDohServer, startRecordingDohServer } from '../../fixtures/dns/recording-doh-server.ts';
import { COMMAND, cleanEnvironment, dns4tor, startDaemon } from '../../fixtures/process/daemon.ts';
import { handOver } from '../../fixtures/process/hand-over.ts';
import { startProcess } from '../../fixtures/process/process.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { createOnionKey } from '../../fixtures/tor/onion-key.ts';
import { startSocksDouble } from '../../tor/socks-double.ts';
import { exchange } from '../raw-client.ts';
import { readReply } from '../reply.ts';
import { GOOD } from '../upstream-messages.ts';

/*
 * How the environment, Node's command line and other processes can affect Node, and so dns4tor. See
 * docs/environment.md.
 */

const ROOT = join(import.meta.dirname, '..', '..', '..');
const ONION = createOnionKey().address;
const WRONG_PIN = `sha256/${Buffer.alloc(32).toString('base64')}`;
const QUERY = buildQuery({ name: 'canary.dns4tor-lab.net' });
const FLAGS = ['--disable-sigusr1', '--heap-growing-percent=30', '--max-semi-space-size=2'];

const resources = new AsyncDisposableStack();
/** Only the environment or `--upstream-ca` can make its issuer trusted. */
let resolver: RecordingDohServer;
let authorityPath: string;
let wayThere: readonly string[];
/** Runs the command from the sources, where Node obeys NODE_TLS_REJECT_UNAUTHORIZED=0. */
let unverified: string;

before(async () => {
  const authority = resources.use(await createCertificateAuthority());
  authorityPath = authority.certificatePath;
  resolver = resources.use(await startRecordingDohServer(await authority.issue([ONION]), GOOD));
  const { address } = resources.use(await startSocksDouble({ target: resolver, passesForTor: true }));
  if (address.kind !== 'tcp') throw new Error('the SOCKS double listens on no port');
  wayThere = ['--tor-socks', `${address.host}:${address.port}`];
  unverified = join(resources.use(await createTemporaryDirectory()).path, 'unverified.mjs');
  const lines = [
    "process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';",
    `await import('${pathToFileURL(SOURCES).href}');`,
  ];
  await writeFile(unverified, lines.join('\n'));
});

after(() => resources.disposeAsync());

for (const upstream of [`https://${ONION}/dns-query`, `tls://${ONION}`]) {
  const scheme = upstream.split(':', 1).join();

  test(`${scheme}: under NODE_TLS_REJECT_UNAUTHORIZED=0, daemon, query --direct and check accept no answer of an impostor`, async () => {
    const way = ['--upstream', upstream, '--upstream-pin', WRONG_PIN, ...wayThere];
    await using daemon = await startDaemon(way, { command: unverified });
    assert.equal(readReply(await exchange('udp', daemon, QUERY)).rcode, 'SERVFAIL');
    await daemon.logs('ERR_TLS_UNTRUSTED');
    const asked = await runNode([unverified, 'query', '--direct', '--json', ...way, 'canary.dns4tor-lab.net']);
    assert.equal(asked.code, 1);
    assert.equal((JSON.parse(asked.stdout) as { status: string }).status, 'SERVFAIL');
    const checked = await runNode([unverified, 'check', '--json', ...way]);
    assert.equal(checked.code, 1);
    const { checks } = JSON.parse(checked.stdout) as { checks: readonly { id: string; status: string }[] };
    assert.equal(checks.find(({ id }) => id === 'certificate')?.status, 'fail');
    assert.equal(resolver.requests.length, 0);
  });
}

/** Each would make dns4tor trust, load, open or write something in this directory. */
const dangerous = (folder: string): Readonly<Record<string, string>> => ({
  DEBUG: '*',
  NODE_COMPILE_CACHE: folder,
  NODE_DEBUG: 'stream,http2,net,tls',
  NODE_DEBUG_NATIVE: 'HTTP2SESSION,TLS',
  NODE_EXTRA_CA_CERTS: authorityPath,
  NODE_ICU_DATA: folder,
  NODE_OPTIONS: `--require=${join(folder, 'loaded.cjs')} --tls-keylog=${join(folder, 'keys')} --use-openssl-ca --inspect=0`,
  NODE_PRESERVE_SYMLINKS: '1',
  NODE_PRESERVE_SYMLINKS_MAIN: '1',
  NODE_REDIRECT_WARNINGS: join(folder, 'warnings'),
  NODE_TLS_REJECT_UNAUTHORIZED: '0',
  NODE_USE_ENV_PROXY: '1',
  NODE_USE_SYSTEM_CA: '1',
  NODE_V8_COVERAGE: folder,
  OPENSSL_CONF: join(folder, 'openssl.cnf'),
  OPENSSL_ENGINES: folder,
  OPENSSL_MODULES: folder,
  SSLKEYLOGFILE: join(folder, 'keys'),
});

/** Removed silently; see the table. */
const SILENT = [
  'NODE_CHANNEL_FD',
  'NODE_CHANNEL_SERIALIZATION_MODE',
  'NODE_PATH',
  'NODE_UNIQUE_ID',
  'SSL_CERT_DIR',
  'SSL_CERT_FILE',
];

async function environmentOf(pid: number): Promise<readonly string[]> {
  return (await readFile(`/proc/${pid}/environ`, 'latin1')).split('\0').map((entry) => entry.split('=', 1).join());
}

test('variables that would make dns4tor trust, load, open or write something have no effect, and each is reported once', async () => {
  await using folder = await createTemporaryDirectory();
  const env = dangerous(folder.path);
  await writeFile(join(folder.path, 'loaded.cjs'), "require('node:fs').writeFileSync(__filename + '.ran', '');");
  await writeFile(join(folder.path, 'openssl.cnf'), 'nodejs_conf = none\n[none]\nproviders = none\n');
  const files = (await readdir(folder.path)).toSorted();
  const silent = Object.fromEntries(SILENT.map((name) => [name, authorityPath]));
  const flags = ['--upstream', `https://${ONION}/dns-query`, ...wayThere, '--output', 'json'];
  const lines: string[] = [];
  const options = { env: { ...cleanEnvironment(), ...env, ...silent }, onLine: (line: string) => lines.push(line) };
  {
    await using daemon = await startDaemon(flags, options);
    const port = Number(/"dns:\/\/[^"]*:(?<port>\d+)"/.exec(daemon.process.output)?.groups?.['port']);
    assert.equal(readReply(await exchange('udp', { port }, QUERY)).rcode, 'SERVFAIL');
    await daemon.logs('ERR_TLS_UNTRUSTED');
    const environment = await environmentOf(daemon.process.pid);
    assert.deepEqual(
      environment.filter((name) => name in env || SILENT.includes(name)),
      [],
    );
  }
  assert.deepEqual((await readdir(folder.path)).toSorted(), files);
  // Output of NODE_DEBUG and the like is not JSON.
  const events = lines.map((line) => JSON.parse(line) as { event: string; variable?: string });
  const told = events.filter(({ event }) => event === 'variable_ignored').map(({ variable = '' }) => variable);
  assert.equal(told.length, new Set(told).size);
  assert.deepEqual(new Set(told), new Set(Object.keys(env)));
});

test('node dist/launch/dns4tor.js restarts Node in the same process, without those variables and with the required flags', async () => {
  const flags = ['proxy-dns', '--port', '0', '--upstream', `https://${ONION}/dns-query`, ...wayThere];
  const env = { ...cleanEnvironment(), NODE_EXTRA_CA_CERTS: authorityPath };
  await using running = await startProcess(process.execPath, ['--jitless', COMMAND, ...flags], { env });
  await running.waitUntil('it looks at the certificate', 10_000, () => running.output.includes('ERR_TLS_UNTRUSTED'));
  const [, ...args] = (await readFile(`/proc/${running.pid}/cmdline`, 'utf8')).split('\0');
  assert.deepEqual(args.slice(0, FLAGS.length + 2), [...FLAGS, '--jitless', COMMAND]);
  assert.ok(!(await environmentOf(running.pid)).includes('NODE_EXTRA_CA_CERTS'));
});

test('node dist/launch/dns4tor.js restarts Node even with DNS4TOR_REMOVED set, as long as a weakening variable is left', async () => {
  const version = async (env: Readonly<Record<string, string>>): Promise<readonly string[]> => {
    const args = ['--disable-sigusr1', COMMAND, '--version'];
    const { status, lines } = await run({ DNS4TOR_REMOVED: '', ...env }, process.execPath, ...args);
    assert.equal(status, 0);
    return lines.filter((line) => line.startsWith('dns4tor: '));
  };
  const weakening = {
    NODE_EXTRA_CA_CERTS: authorityPath,
    NODE_OPTIONS: '--jitless --no-deprecation',
    NODE_TLS_REJECT_UNAUTHORIZED: '0',
    NODE_USE_SYSTEM_CA: '1',
    OPENSSL_CONF: '/dev/null',
  };
  for (const [name, value] of Object.entries(weakening)) {
    const reported = await version({ [name]: value });
    assert.ok(reported.length === 1 && reported[0]?.includes(name), name);
  }
  for (const harmless of ['', '--jitless --max-old-space-size=64', ' --max_old_space_size= ']) {
    assert.deepEqual(await version({ NODE_OPTIONS: harmless }), [], harmless);
  }
});

test('a launch.sh that removes nothing ends in an error instead of an endless restart', async () => {
  await using folder = await createTemporaryDirectory();
  const command = join(folder.path, 'dns4tor.js');
  await copyFile(COMMAND, command);
  await writeFile(join(folder.path, 'launch.sh'), 'shift\nexec "$@"\n');
  const { status, lines } = await run({}, process.execPath, command, '--version');
  assert.equal(status, 1);
  assert.ok(lines.length === 1 && lines[0]?.startsWith('dns4tor: '));
});

test('SIGUSR1 opens no debugger and does not end the process', async () => {
  await using daemon = await startDaemon(['--tor-socks', '127.0.0.1:1']);
  const caught = /^SigCgt:\s*(?<mask>\w+)$/m.exec(await readFile(`/proc/${daemon.process.pid}/status`, 'utf8'));
  const usr1 = 1n << 9n;
  assert.equal(BigInt(`0x${caught?.groups?.['mask']}`) & usr1, 0n);
  const [, ...args] = (await readFile(`/proc/${daemon.process.pid}/cmdline`, 'utf8')).split('\0');
  assert.deepEqual(args.slice(0, FLAGS.length), FLAGS);
  daemon.process.signal('SIGUSR1');
  const reply = readReply(await exchange('udp', daemon, buildQuery({ name: 'localhost' })));
  assert.equal(reply.rcode, 'NOERROR');
});

const [SHELL, ...LAUNCHED] = dns4tor();

async function run(
  env: Readonly<Record<string, string>>,
  program: string,
  ...args: readonly string[]
): Promise<{ readonly status: number | string; readonly lines: readonly string[] }> {
  const lines: string[] = [];
  await using running = await startProcess(program, args, {
    env: { ...cleanEnvironment(), ...env },
    onLine: (line) => lines.push(line),
  });
  return { status: await running.ended, lines };
}

test('an ignored variable is reported in one line, and a harmless one is not reported', async () => {
  const version = await run({}, SHELL, ...LAUNCHED, '--version');
  assert.equal(version.status, 0);
  const told = await run({ NODE_DEBUG: 'stream' }, SHELL, ...LAUNCHED, '--version');
  assert.equal(told.status, 0);
  assert.equal(told.lines.length, version.lines.length + 1);
  assert.equal(told.lines.filter((line) => /^dns4tor: .*\bNODE_DEBUG\b/.test(line)).length, 1);
  const harmless = { NODE_OPTIONS: '--max-old-space-size=64 --jitless', NODE_DEBUG: '', NODE_ENV: 'production' };
  assert.deepEqual(await run(harmless, SHELL, ...LAUNCHED, '--version'), version);
  const mixed = await run({ NODE_OPTIONS: '--jitless --trace-warnings' }, SHELL, ...LAUNCHED, '--version');
  assert.equal(mixed.lines.length, version.lines.length + 1);
});

test('proxies and resolver settings from the environment are not used', async () => {
  const proxies = Object.fromEntries(
    ['http', 'https', 'all'].flatMap((scheme) => [
      [`${scheme}_proxy`, 'http://127.0.0.1:1'],
      [`${scheme.toUpperCase()}_PROXY`, 'http://127.0.0.1:1'],
    ]),
  );
  const resolverSettings = { RES_OPTIONS: 'attempts:5', LOCALDOMAIN: 'example.com', HOSTALIASES: '/dev/null' };
  const flags = ['--upstream', `https://${ONION}/dns-query`, ...wayThere, '--upstream-ca', authorityPath];
  await using daemon = await startDaemon(flags, { env: { ...cleanEnvironment(), ...proxies, ...resolverSettings } });
  assert.equal(readReply(await exchange('udp', daemon, QUERY)).rcode, 'NOERROR');
  const status = ['status', '--json', '--metrics', daemon.metricsAddress];
  assert.equal((await run({ ...proxies, NO_PROXY: '' }, SHELL, ...LAUNCHED, ...status)).status, 0);
});

/** One flag for each way to weaken a promise. */
const REFUSED_FLAGS = [
  '--inspect=0',
  '--tls-keylog=/dev/null',
  '--use-openssl-ca',
  '--use-system-ca',
  '--report-on-signal',
  '--heapsnapshot-signal=SIGUSR2',
  '--abort-on-uncaught-exception',
  '--trace-warnings',
];

test('dns4tor does not start with a Node flag that could weaken a promise', async () => {
  for (const flag of REFUSED_FLAGS) {
    const { status, lines } = await run({}, process.execPath, flag, COMMAND, '--version');
    assert.equal(status, 2, flag);
    assert.ok(
      lines.some((line) => line.startsWith(`dns4tor: Node was given ${flag.split('=')[0]}`)),
      flag,
    );
  }
});

test('node dist/launch/dns4tor.js refuses inherited sockets, which a restart would lose', async () => {
  const [program = '', ...launcher] = await handOver(['dns=udp=127.0.0.1', 'dns=tcp=127.0.0.1']);
  const refused = await run({}, program, ...launcher, process.execPath, COMMAND, 'proxy-dns');
  assert.equal(refused.status, 2);
  assert.ok(refused.lines.every((line) => line.startsWith('dns4tor: ')));
});

test('the command that npm links passes only the flags that its Node knows', async () => {
  await using folder = await createTemporaryDirectory();
  const bin = join(folder.path, 'bin');
  await mkdir(bin);
  await symlink(join(ROOT, 'bin', 'dns4tor'), join(bin, 'dns4tor'));
  const startedAs = async (knows: string, command = 'proxy-dns'): Promise<string | undefined> => {
    const path = join(bin, 'node');
    const script = `#!/bin/sh\nfor flag; do case $flag in ${knows}) ;; -*) exit 9 ;; esac; done\necho "started as $*"\n`;
    await writeFile(path, script);
    await chmod(path, 0o755);
    const { lines } = await run(
      { PATH: `${bin}:${process.env['PATH']}` },
      '/bin/sh',
      '-c',
      'exec "$0" "$1"',
      join(bin, 'dns4tor'),
      command,
    );
    return lines.at(-1);
  };
  const file = join(ROOT, 'dist', 'launch', 'dns4tor.js');
  assert.equal(
    await startedAs('--version | --disable* | --heap* | --max-semi*'),
    `started as ${FLAGS.join(' ')} ${file} proxy-dns`,
  );
  assert.equal(await startedAs('--version | --disable*'), `started as ${FLAGS[0]} ${file} proxy-dns`);
  assert.equal(await startedAs('--version'), `started as ${file} proxy-dns`);
  // V8's flags are only for long-running commands.
  assert.equal(
    await startedAs('--version | --disable* | --heap* | --max-semi*', 'query'),
    `started as ${FLAGS[0]} ${file} query`,
  );
});

test('the command that npm links reports a missing Node', async () => {
  await using folder = await createTemporaryDirectory();
  const { status, lines } = await run({ PATH: folder.path }, SHELL, join(ROOT, 'bin', 'dns4tor'), '--version');
  assert.equal(status, 1);
  assert.ok(lines.length === 1 && lines[0]?.startsWith('dns4tor: '));
});

test("for the daemon, V8's nursery stays small", async () => {
  await using folder = await createTemporaryDirectory();
  const path = join(folder.path, 'garbage.mjs');
  await writeFile(
    path,
    `import { getHeapSpaceStatistics } from 'node:v8';
    const kept = [];
    // Objects that survive for a while make V8 enlarge the nursery.
    for (let made = 0; made < 500_000; made++) kept[made % 20_000] = { made, list: [made] };
    const { space_size } = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
    console.log(space_size);`,
  );
  const { lines } = await run({}, SHELL, ...LAUNCHED.slice(0, -1), path, 'proxy-dns');
  assert.ok(Number(lines.at(-1)) <= 4 * 2 ** 20, lines.at(-1));
});

test('docs/environment.md has a row for every variable that Node documents or dns4tor removes, and for every refused flag', async () => {
  const table = await readFile(join(ROOT, 'docs', 'environment.md'), 'utf8');
  const help = (await runNode(['--help'])).stdout.split('Environment variables:')[1] ?? '';
  const documented = [...help.matchAll(/^(?<name>[A-Z][A-Z0-9_]+)\b/gm)].map(({ groups }) => groups?.['name'] ?? '');
  assert.ok(documented.length > 10);
  const named = [
    ...documented,
    ...Object.keys(dangerous('')),
    ...SILENT,
    ...REFUSED_FLAGS.map((flag) => flag.split('=')[0] ?? ''),
  ];
  const cells = table.split('\n').map((line) => line.split('|')[1] ?? '');
  assert.deepEqual(
    named.filter((name) => !cells.some((cell) => cell.includes(`\`${name}\``) || cell.includes(`\`${name}=`))),
    [],
  );
});
