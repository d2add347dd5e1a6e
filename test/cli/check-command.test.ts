import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { createCertificateAuthority } from '../fixtures/certificates.ts';
import { startRecordingDohServer } from '../fixtures/dns/recording-doh-server.ts';
import { startDaemon } from '../fixtures/process/daemon.ts';
import { startProcess } from '../fixtures/process/process.ts';
import { createOnionKey } from '../fixtures/tor/onion-key.ts';
import { sumOf } from '../protocol/lab.ts';
import { GOOD } from '../protocol/upstream-messages.ts';
import { listen } from '../tor/listen.ts';
import { startSocksDouble } from '../tor/socks-double.ts';
import { COMMAND, runCli } from './run-cli.ts';

interface Report {
  readonly version: string;
  readonly status: string;
  readonly checks: readonly {
    readonly id: string;
    readonly status: string;
    readonly line: string;
    readonly advice?: string;
  }[];
}

/** Checks of dns4tor itself. */
const OWN = [
  'tor',
  'bootstrap',
  'reach',
  'certificate',
  'answer',
  'clock',
  'listening',
  'resolution',
  'port',
  'browser',
];

/** Checks of the machine, whose results depend on it. */
const OF_THE_MACHINE = ['installation', 'nsswitch', 'resolv-conf', 'resolved', 'docker', 'ipv6-router'];

function statusesOf({ checks }: Report): Record<string, string> {
  return Object.fromEntries(checks.filter(({ id }) => OWN.includes(id)).map(({ id, status }) => [id, status]));
}

test('the help of check tells it from --check, and documents the exit status', async () => {
  const { code, stdout } = await runCli(['check', '--help']);
  assert.equal(code, 0);
  assert.match(stdout, /^Usage: dns4tor check/);
  for (const text of ['--json', '--tor-socks', 'proxy-dns --check', 'exit status is 1'])
    assert.ok(stdout.includes(text), text);
  assert.doesNotMatch(stdout, /^ +--check/m);
  assert.match((await runCli(['--help'])).stdout, /^ {2}check /m);
});

test('an invalid configuration is refused as by proxy-dns, and nothing is checked', async () => {
  const { code, stdout, stderr } = await runCli(['check', '--json', '--port', 'x', '--check', '--prot', '1']);
  assert.equal(code, 2);
  assert.equal(stdout, '');
  assert.match(
    stderr,
    /^dns4tor: unknown option '--check'; .*\ndns4tor: unknown option '--prot'; .*--port\?\ndns4tor: --port: 'x' .*\n$/,
  );
});

test('without Tor and dns4tor, each line has a remedy below it, and the exit status is 1', async () => {
  const { code, stdout, stderr } = await runCli([
    'check',
    '--tor-socks',
    'unix:/nonexistent/socks',
    '--address',
    '127.0.0.9',
  ]);
  assert.equal(code, 1);
  assert.match(stderr, /^dns4tor: \d+ of \d+ checks failed: .*\n$/);
  const told = [...stdout.matchAll(/^(?:ok|warn|fail|skip) +(\S+) +\S/gm)].map(([, id = '']) => id);
  assert.deepEqual(told.toSorted(), [...OWN, ...OF_THE_MACHINE].toSorted());
  assert.match(stdout, /^fail +tor +unix:\/nonexistent\/socks \(ENOENT\): .*\n +→ Start tor.*\.$/m);
  assert.match(stdout, /^skip +reach /m);
  assert.match(stdout, /^fail +listening +nothing answers at 127\.0\.0\.9:53\n +→ .*\.$/m);
});

test('if dns4tor works, --json prints one object that says so', async () => {
  await using ca = await createCertificateAuthority();
  const onion = createOnionKey().address;
  await using server = await startRecordingDohServer(await ca.issue([onion]), GOOD);
  await using socks = await startSocksDouble({ target: server, passesForTor: true });
  assert.ok(socks.address.kind === 'tcp');
  const flags = ['--upstream', `https://${onion}/dns-query`, '--upstream-ca', ca.certificatePath];
  flags.push('--tor-socks', `127.0.0.1:${socks.address.port}`, '--tor-control', 'none');
  await using daemon = await startDaemon(flags);
  await daemon.answers();
  flags.push('--address', '127.0.0.1', '--port', String(daemon.port));
  const failures = async (): Promise<number> => sumOf((await daemon.page('/metrics')).body, 'dns4tor_failures_total');
  const before = await failures();
  const { code, stdout, stderr } = await runCli(['check', '--json', ...flags]);
  // The checked files are unchanged.
  assert.equal(await failures(), before);
  const report: Report = JSON.parse(stdout);
  const failed = report.checks.some(({ status }) => status === 'fail');
  assert.equal(code, failed ? 1 : 0);
  assert.equal(stderr === '', !failed);
  assert.deepEqual(Object.keys(report), ['version', 'status', 'checks']);
  assert.deepEqual(statusesOf(report), {
    tor: 'ok',
    bootstrap: 'skip',
    reach: 'ok',
    certificate: 'ok',
    answer: 'ok',
    clock: 'ok',
    listening: 'ok',
    resolution: 'ok',
    port: 'ok',
    browser: 'ok',
  });
  assert.deepEqual(report.checks.map(({ id }) => id).toSorted(), [...OWN, ...OF_THE_MACHINE].toSorted());
  for (const { status, advice } of report.checks)
    assert.equal(advice !== undefined, status === 'warn' || status === 'fail');
});

test('several resolvers are checked separately', async () => {
  const [first, second] = [createOnionKey().address, createOnionKey().address].map((host) => `https://${host}/`);
  const { stdout } = await runCli([
    'check',
    '--tor-socks',
    'unix:/nonexistent/socks',
    '--upstream',
    `${first},${second}`,
  ]);
  for (const url of [first, second]) assert.ok(stdout.includes(`reach        ${url}: `), url);
});

test('Ctrl-C ends it at once, without output, with the exit status of that signal', async () => {
  const connected = Promise.withResolvers<void>();
  // Never answers, so that the check takes a while.
  await using silent = await listen(createServer(() => connected.resolve()));
  const flags = ['--tor-socks', `127.0.0.1:${silent.port}`];
  await using running = await startProcess(process.execPath, [COMMAND, 'check', ...flags], { env: {} });
  await connected.promise;
  running.signal('SIGINT');
  assert.equal(await running.ended, 130);
  assert.equal(running.output, '');
});
