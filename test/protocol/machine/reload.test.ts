import assert from 'node:assert/strict';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCli } from '../../cli/run-cli.ts';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { startPlainDouble } from '../../fixtures/dns/plain-double.ts';
import { startRecordingDohServer } from '../../fixtures/dns/recording-doh-server.ts';
import { startDaemon } from '../../fixtures/process/daemon.ts';
import { createTemporaryDirectory, type TemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { startSocksDouble } from '../../tor/socks-double.ts';
import { type Lab, startLab } from '../lab.ts';
import { exchange } from '../raw-client.ts';
import { readReply } from '../reply.ts';
import { addressOf, GOOD, responseTo } from '../upstream-messages.ts';

/** A running dns4tor that takes some of its options from a file, and commands on a socket. */
interface ReloadLab extends AsyncDisposable {
  readonly lab: Lab;
  readonly controlPath: string;
  /** For the files that the configuration names. */
  readonly directory: string;
  /** Replaces the file, and returns what the log says of the reload, once it has ended. */
  readonly reload: (text: string) => Promise<string>;
}

async function startReloadLab(text: string, ...flags: readonly string[]): Promise<ReloadLab> {
  await using resources = new AsyncDisposableStack();
  const directory: TemporaryDirectory = resources.use(await createTemporaryDirectory());
  const configPath = join(directory.path, 'dns4tor.toml');
  const controlPath = join(directory.path, 'control');
  await writeFile(configPath, text);
  const lab = resources.use(
    await startLab('--config', configPath, '--control-socket', `unix:${controlPath}`, ...flags),
  );
  const running = resources.move();
  const ends = (): number => lab.daemon.process.output.match(/Reloaded the|Not reloaded/g)?.length ?? 0;
  return {
    lab,
    controlPath,
    directory: directory.path,
    reload: async (next) => {
      await writeFile(configPath, next);
      const { length } = lab.daemon.process.output;
      const before = ends();
      lab.daemon.process.signal('SIGHUP');
      await lab.daemon.process.waitUntil('the reload has ended', 10_000, () => ends() > before);
      return lab.daemon.process.output.slice(length);
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

test('a query in flight over a reload that replaces all connections is answered, and the cache is kept', async () => {
  // With several circuits, a slow query would be sent on a second one as well.
  await using running = await startReloadLab('upstream-tls-min = "1.3"\n', '--circuits', '1');
  const { lab, reload } = running;
  await lab.ask('udp', { name: 'cached.example' });
  const release = Promise.withResolvers<void>();
  lab.behave('slow.example', async (request) => {
    await release.promise;
    return GOOD(request);
  });
  const { connections } = lab.upstream;
  const slow = lab.ask('udp', { name: 'slow.example' });
  await waitUntil('it is in flight', 10_000, () => lab.asked('slow.example') === 1);
  await reload('upstream-tls-min = "1.2"\n');
  await lab.ask('udp', { name: 'other.example' });
  assert.ok(lab.upstream.connections > connections);
  release.resolve();
  assert.equal((await slow).rcode, 'NOERROR');
  assert.equal(lab.asked('slow.example'), 1);
  assert.equal((await lab.ask('udp', { name: 'cached.example' })).rcode, 'NOERROR');
  assert.equal(lab.asked('cached.example'), 1);
  assert.equal(await lab.counter('dns4tor_config_reloads_total', { outcome: 'success' }), 1);
});

test('of a wrong file, all problems are logged and nothing changes; the corrected file is taken', async () => {
  await using running = await startReloadLab('loglevel = "info"\n');
  const { lab, reload } = running;
  await lab.ask('udp', { name: 'cached.example' });
  const log = await reload('loglevel = "debug"\ntimeout = "0s"\nno-such-key = 1\n');
  const problems = log.split('\n').filter((line) => line.includes('Not reloaded'));
  assert.deepEqual(
    problems.map((line) => /problem \d of \d: (\S+) in/.exec(line)?.[1]),
    ['no-such-key', 'timeout'],
  );
  assert.equal(await lab.counter('dns4tor_config_reloads_total', { outcome: 'failure' }), 1);
  await lab.ask('udp', { name: 'cached.example' });
  assert.equal(lab.asked('cached.example'), 1);
  assert.ok(!(await reload('not TOML')).includes('DBG'));
  assert.match(await reload('loglevel = "debug"\nport = 1\ncache-size = "1MiB"\n'), /Still using .* cache-size:/);
  assert.equal((await lab.ask('udp', { name: 'cached.example' })).rcode, 'NOERROR');
  assert.equal(lab.asked('cached.example'), 1);
});

test('any number of SIGHUPs while queries arrive costs none of them its answer', async () => {
  await using running = await startReloadLab('timeout = "9s"\n');
  const { lab } = running;
  const asked: Promise<unknown>[] = [];
  for (let i = 0; i < 200; i++) {
    lab.daemon.process.signal('SIGHUP');
    asked.push(lab.ask('udp', { name: `storm${i}.example` }).then(({ rcode }) => rcode));
    if (i % 20 === 0) await Promise.all(asked);
  }
  assert.deepEqual(new Set(await Promise.all(asked)), new Set(['NOERROR']));
  assert.equal((await lab.daemon.page('/healthcheck')).status, 200);
});

test('lists, own names and routes are read again, and of the cache only the answers that they change are gone', async () => {
  await using running = await startReloadLab('');
  const { lab, directory, reload } = running;
  const list = join(directory, 'list');
  await using router = await startPlainDouble((query) => responseTo(query, { answers: [addressOf()] }));
  const rcodes = async (): Promise<unknown[]> => {
    const names = ['kept.example', 'ads.example', 'wiki.company.example'];
    return Promise.all(names.map(async (name) => (await lab.ask('udp', { name })).rcode));
  };
  const asked = (): number[] => ['kept.example', 'ads.example', 'wiki.company.example'].map((name) => lab.asked(name));
  assert.deepEqual(await rcodes(), ['NOERROR', 'NOERROR', 'NOERROR']);
  await writeFile(list, 'ads.example\n');
  const log = await reload(
    `blocklist = ["${list}"]\n[routes]\n"company.example" = "127.0.0.1:${router.port}"\n[names]\n"own.example" = "192.0.2.7"\n`,
  );
  assert.match(log, /Reloaded .*removed=2/);
  assert.deepEqual(await rcodes(), ['NOERROR', 'NXDOMAIN', 'NOERROR']);
  assert.deepEqual(asked(), [1, 1, 1]);
  assert.equal((await lab.ask('udp', { name: 'own.example' })).rcode, 'NOERROR');
  assert.equal(lab.asked('own.example'), 0);

  await writeFile(list, 'other.example\n');
  await reload(`blocklist = ["${list}"]\n`);
  assert.deepEqual(await rcodes(), ['NOERROR', 'NOERROR', 'NOERROR']);
  assert.deepEqual(asked(), [1, 2, 2]);
});

test('certificates are read again: those of another authority are accepted from then on, and no longer after it is gone', async () => {
  await using resources = new AsyncDisposableStack();
  const directory = resources.use(await createTemporaryDirectory());
  const [file, configPath] = [join(directory.path, 'ca.pem'), join(directory.path, 'dns4tor.toml')];
  const ours = resources.use(await createCertificateAuthority());
  const other = resources.use(await createCertificateAuthority());
  const name = 'resolver.example';
  const upstream = resources.use(await startRecordingDohServer(await ours.issue([name]), GOOD));
  const socks = resources.use(await startSocksDouble({ target: upstream }));
  if (socks.address.kind !== 'tcp') throw new Error('the SOCKS double listens on no port');
  await writeFile(configPath, `upstream = "https://${name}/dns-query"\nupstream-ca = "${file}"\ntimeout = "2s"\n`);
  await copyFile(other.certificatePath, file);
  const daemon = resources.use(
    await startDaemon(['--config', configPath, '--tor-socks', `${socks.address.host}:${socks.address.port}`]),
  );
  const rcodeOf = async (qname: string): Promise<unknown> =>
    readReply(await exchange('udp', daemon, buildQuery({ name: qname }))).rcode;
  const reload = async (count: number): Promise<void> => {
    daemon.process.signal('SIGHUP');
    const reloads = (): number => daemon.process.output.split('Reloaded the').length - 1;
    await daemon.process.waitUntil('it is reloaded', 10_000, () => reloads() === count);
  };

  assert.equal(await rcodeOf('before.example'), 'SERVFAIL');
  assert.equal(upstream.requests.length, 0);
  await copyFile(ours.certificatePath, file);
  await reload(1);
  await daemon.answers();
  assert.equal(await rcodeOf('between.example'), 'NOERROR');
  await copyFile(other.certificatePath, file);
  await reload(2);
  const { length } = upstream.requests;
  assert.equal(await rcodeOf('after.example'), 'SERVFAIL');
  assert.equal(upstream.requests.length, length);
});

test('flush removes all answers, or those of a name and the names below it, and no log has that name', async () => {
  await using running = await startReloadLab('', '--loglevel', 'debug');
  const { lab, controlPath } = running;
  const names = ['canary.example', 'www.canary.example', 'notcanary.example'];
  const askAll = async (): Promise<number[]> => {
    for (const name of names) await lab.ask('udp', { name });
    return names.map((name) => lab.asked(name));
  };
  assert.deepEqual(await askAll(), [1, 1, 1]);
  assert.deepEqual(await askAll(), [1, 1, 1]);
  const flush = (...words: readonly string[]): ReturnType<typeof runCli> =>
    runCli(['flush', '--control-socket', `unix:${controlPath}`, ...words]);
  assert.deepEqual(await flush('Canary.Example'), { code: 0, stdout: 'Removed 2 answers.\n', stderr: '' });
  assert.deepEqual(await askAll(), [2, 2, 1]);
  assert.deepEqual(await flush(), { code: 0, stdout: 'Removed 3 answers.\n', stderr: '' });
  assert.deepEqual(await askAll(), [3, 3, 2]);
  await lab.daemon.logs('Removed 3 answers');
  assert.doesNotMatch(lab.daemon.process.output, /canary/i);
  assert.doesNotMatch((await lab.daemon.page('/metrics')).body, /canary/i);
});
