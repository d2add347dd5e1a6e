import assert from 'node:assert/strict';
import { appendFile, copyFile, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { buildDeb } from '../../packaging/deb/build.ts';
import { install } from '../../src/system/install.ts';
import { UdpClient } from '../fixtures/dns/udp-client.ts';
import { startProcess } from '../fixtures/process/process.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { createRigIn, TARGET } from '../system/rig.ts';
import { type Chroot, createChroot, type Outcome } from './chroot.ts';

const START_TIMEOUT_MS = 30_000;

/** The conffile and the link that enables the service, in the chroot. */
const CONFIGURATION = '/etc/dns4tor.toml';
const SERVICE_LINK = '/etc/systemd/system/multi-user.target.wants/dns4tor.service';

/** Paths that belong to apt, dpkg and the tools that they run. */
const OF_APT = /^(?:var\/(?:lib\/(?:apt|dpkg)|cache|log)\/|etc\/\w+-$|run\/(?:adduser|runit)(?:\/|$))/;

const RELEASE = { version: '1.2.3', sourceDateEpoch: 1_700_000_000, maintainer: 'Nobody <nobody@localhost>' } as const;

const resources = new AsyncDisposableStack();
let packages: { readonly first: string; readonly second: string };
/** A Debian without the package, and one with it. */
let bare: Chroot;
let installed: Chroot;

async function apt(debian: Chroot, ...args: readonly string[]): Promise<Outcome> {
  return debian.run('apt-get', '-qy', '--no-install-recommends', ...args);
}

/** Installs a package file, as a user does. */
async function aptInstall(debian: Chroot, path: string): Promise<void> {
  await copyFile(path, join(debian.root, 'tmp', basename(path)));
  assertDone(await apt(debian, 'install', `/tmp/${basename(path)}`));
  await rm(join(debian.root, 'tmp', basename(path)));
}

function assertDone({ status, output }: Outcome): void {
  assert.equal(status, 0, output);
}

/** Runs `dns4tor install` in the chroot, as if dns4tor answered. */
async function takeOver({ root }: Chroot): Promise<void> {
  await using rig = await createRigIn(root, async () => {});
  await install(rig.machine, TARGET);
}

function resolvConf({ root }: Chroot): Promise<string> {
  return readFile(join(root, 'etc/resolv.conf'), 'utf8');
}

before(async () => {
  const folder = resources.use(await createTemporaryDirectory()).path;
  const build = (version: string): Promise<string> =>
    buildDeb({ release: { ...RELEASE, version }, folder, compression: 'none' });
  packages = { first: await build('1.2.3'), second: await build('1.3.0-rc.1') };
  bare = resources.use(await createChroot());
  installed = await bare.copy();
  await aptInstall(installed, packages.first);
});

after(() => resources.disposeAsync());

test('apt also installs tor, and dns4tor runs on its own Node', async () => {
  assertDone(await installed.run('test', '-x', '/usr/bin/tor'));
  assert.notEqual((await installed.run('sh', '-c', 'command -v node')).status, 0);
  assert.deepEqual(await installed.run('dns4tor', '--version'), { status: 0, output: '1.2.3\n' });
  assertDone(await installed.run('dns4tor', 'proxy-dns', '--check', '--config', CONFIGURATION));
});

test('it answers with batched UDP and serves the status page, so addon and page are in the package', async () => {
  const [chroot, ...via] = installed.via;
  // Nothing of this daemon may be left when the package is purged.
  const flags = ['--address', '127.0.0.1', '--port', '0', '--tor-socks', '127.0.0.1:1', '--udp-io', 'batch'];
  await using daemon = await startProcess(
    chroot,
    [...via, 'dns4tor', 'proxy-dns', '--control-socket', 'none', ...flags],
    { env: installed.env },
  );
  await daemon.waitUntil('it uses Tor', START_TIMEOUT_MS, () => daemon.output.includes('Using Tor at'));
  const commandLine = (await readFile(`/proc/${daemon.pid}/cmdline`, 'utf8')).split('\0').join(' ');
  assert.match(
    commandLine,
    /^\/usr\/lib\/dns4tor\/node --disable-sigusr1 --heap\S+ --max-semi\S+ \/usr\/lib\/dns4tor\/dist\/launch\/dns4tor\.js /,
  );
  const dnsPort = /dns:\/\/127\.0\.0\.1:(?<port>\d+)/.exec(daemon.output)?.groups?.['port'];
  await using client = await UdpClient.open(Number(dnsPort));
  await client.flush();
  const metrics = /metrics server on (?<address>\S+)\/metrics/.exec(daemon.output)?.groups?.['address'];
  const page = await (await fetch(`http://${metrics}/`)).text();
  const parts = [...page.matchAll(/(?:href|src)="(?<path>\/?page\/[^"]+)"/g)].map(
    ({ groups }) => groups?.['path'] ?? '',
  );
  assert.ok(parts.length > 1, page);
  for (const part of parts) assert.ok((await fetch(new URL(part, `http://${metrics}/`))).ok, part);
  daemon.signal('SIGTERM');
  assert.equal(await daemon.ended, 0, daemon.output);
});

test('the units are enabled without a running systemd, and a disabled unit stays disabled during an upgrade', async () => {
  const debian = await installed.copy();
  const units = ['multi-user.target.wants/dns4tor.service', 'sockets.target.wants/dns4tor.socket'];
  for (const unit of units) assertDone(await debian.run('test', '-L', `/etc/systemd/system/${unit}`));
  assert.notEqual(
    (await debian.run('sh', '-c', 'find /etc/systemd -name "dns4tor-standalone*" -o -name "dns4tor-do*" | grep .'))
      .status,
    0,
  );
  await rm(join(debian.root, SERVICE_LINK));
  await aptInstall(debian, packages.second);
  assert.notEqual((await debian.run('test', '-L', SERVICE_LINK)).status, 0);
  assertDone(await debian.run('test', '-L', '/etc/systemd/system/sockets.target.wants/dns4tor.socket'));
});

test('an upgrade keeps the edited configuration and the changes of `dns4tor install`', async () => {
  const debian = await installed.copy();
  await appendFile(join(debian.root, CONFIGURATION), 'cache-size = "1MiB"\n');
  await takeOver(debian);
  const taken = await resolvConf(debian);
  await aptInstall(debian, packages.second);
  assert.match(await readFile(join(debian.root, CONFIGURATION), 'utf8'), /^cache-size = "1MiB"$/m);
  assert.equal(await resolvConf(debian), taken);
  // A pre-release sorts before its release and after the previous release.
  assert.deepEqual(await debian.run('dns4tor', '--version'), { status: 0, output: '1.3.0-rc.1\n' });
});

test('removing the package reverts the changes of `dns4tor install`', async () => {
  const debian = await installed.copy();
  const original = await resolvConf(debian);
  await takeOver(debian);
  assert.notEqual(await resolvConf(debian), original);
  assertDone(await apt(debian, 'remove', 'dns4tor'));
  assert.equal(await resolvConf(debian), original);
  assert.notEqual((await debian.run('test', '-e', '/usr/lib/dns4tor')).status, 0);
  assertDone(await debian.run('test', '-e', CONFIGURATION));
});

test('removing the package fails with a remedy if it would overwrite later changes', async () => {
  const debian = await installed.copy();
  await takeOver(debian);
  await appendFile(join(debian.root, 'etc/resolv.conf'), '# an edit\n');
  const { status, output } = await apt(debian, 'remove', 'dns4tor');
  assert.notEqual(status, 0);
  assert.match(output, /\/etc\/resolv\.conf/);
  assert.match(output, /dns4tor uninstall --force/);
  assert.match((await debian.run('dpkg-query', '-W', '-f', '${db:Status-Abbrev}', 'dns4tor')).output, /^.i/);
  assertDone(await debian.run('dns4tor', 'uninstall', '--force'));
  assertDone(await apt(debian, 'remove', 'dns4tor'));
});

test('purging the package and its dependencies leaves nothing', async () => {
  const debian = await installed.copy();
  await takeOver(debian);
  assertDone(await apt(debian, 'purge', 'dns4tor'));
  assertDone(await apt(debian, 'autoremove', '--purge'));
  const expected = new Set(await bare.entries());
  const left = (await debian.entries()).filter((path) => !expected.has(path) && !OF_APT.test(path));
  assert.deepEqual(left, []);
});
