import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { failureText } from '../../../../src/failures/failures.ts';
import { type Daemon, startDaemon } from '../../../fixtures/process/daemon.ts';
import { reservePort } from '../../../fixtures/process/reserve-port.ts';
import { type CliResult, runCli } from '../../run-cli.ts';

/* The daemon has no Tor, so it answers only local names. test/e2e tests the rest with a real Tor network. */

let daemon: Daemon;
before(async () => {
  daemon = await startDaemon(['--tor-socks', '127.0.0.1:1']);
});
after(() => daemon[Symbol.asyncDispose]());

function query(...words: readonly string[]): Promise<CliResult> {
  return runCli(['query', '--server', '127.0.0.1', '--port', String(daemon.port), ...words]);
}

test('a reply is rendered as by dig, with its provenance, and NXDOMAIN counts as an answer', async () => {
  const { code, stdout, stderr } = await query('something.onion', 'AAAA');
  assert.equal(stderr, '');
  assert.equal(code, 0);
  assert.match(stdout, /^;; ->>HEADER<<- opcode: QUERY, status: NXDOMAIN, id: \d+$/m);
  assert.match(stdout, /^;something\.onion\.\t\tIN\tAAAA$/m);
  assert.match(stdout, /^;; CAME from dns4tor itself, without a query to an upstream$/m);
  assert.match(stdout, /^;; SERVER: 127\.0\.0\.1#\d+\(127\.0\.0\.1\) \(UDP\)$/m);
});

test('a failure is explained, and the exit status is 1', async () => {
  const { code, stdout, stderr } = await query('+tcp', 'example.com');
  assert.equal(stderr, '');
  assert.equal(code, 1);
  assert.match(stdout, /status: SERVFAIL/);
  assert.ok(stdout.includes(`\n; EDE: 23 (Network Error): (${failureText('ERR_TOR_UNREACHABLE')})\n`));
  assert.match(stdout, /^;; CAME to nothing: failed after [\d.]+ ms; see the EDE above$/m);
  assert.match(stdout, /^;; SERVER: .* \(TCP\)$/m);
});

test('--json prints one object, and +short only data', async () => {
  const { stdout } = await query('localhost', 'AAAA', '--json');
  const { status, flags, answers, came, errors } = JSON.parse(stdout) as Record<string, unknown>;
  assert.equal(status, 'NOERROR');
  assert.ok(Array.isArray(flags) && flags.includes('qr'));
  assert.deepEqual(answers, [{ name: 'localhost.', ttl: 10_800, class: 'IN', type: 'AAAA', data: '::1' }]);
  assert.equal((came as { source: string }).source, 'local');
  assert.deepEqual(errors, []);
  assert.deepEqual(await query('localhost', 'AAAA', '+short'), { code: 0, stdout: '::1\n', stderr: '' });
});

test('the server can be given as in dig, and is from the configuration otherwise', async () => {
  const port = String(daemon.port);
  const ways = [
    runCli(['query', '@127.0.0.1', '-p', port, 'localhost', '+short']),
    runCli(['query', 'localhost', '+short'], { DNS4TOR_PORT: port, TUNNEL_DNS_ADDRESS: '127.0.0.1' }),
  ];
  for (const way of ways) assert.deepEqual(await way, { code: 0, stdout: '127.0.0.1\n', stderr: '' });
});

test('if nothing listens, the error has a remedy, and does not repeat the name', async () => {
  await using reservation = await reservePort();
  await reservation.release();
  const { code, stdout, stderr } = await runCli(['query', '-p', String(reservation.port), '+tcp', 'asked.example']);
  assert.equal(code, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /^dns4tor: 127\.0\.0\.1:\d+: .*start dns4tor .*--direct\)\n$/);
});

test('queries are never sent to another machine, by address or by name', async () => {
  for (const server of ['@192.0.2.53', '@resolver.example']) {
    const { code, stderr } = await runCli(['query', server, 'asked.example']);
    assert.equal(code, 2);
    assert.match(stderr, /^dns4tor: --server: '.*' is not an address of this machine; /);
  }
});

test('options for Tor and the upstream are refused without --direct', async () => {
  const { code, stderr } = await runCli(['query', '--tor-socks', '127.0.0.1:9150', 'a.test']);
  assert.equal(code, 2);
  assert.match(stderr, /^dns4tor: --tor-socks: has an effect only with --direct; /);
});

test('--direct explains a failure, and answers local names without a query', async () => {
  const failed = await runCli(['query', '--direct', '--tor-socks', '127.0.0.1:1', 'a.example']);
  assert.equal(failed.stderr, '');
  assert.equal(failed.code, 1);
  assert.ok(failed.stdout.includes(`\n; EDE: 23 (Network Error): (${failureText('ERR_TOR_UNREACHABLE')})\n`));
  const local = await runCli(['query', '--direct', '--tor-socks', '127.0.0.1:1', 'something.onion', '--json']);
  assert.equal(local.code, 0);
  const shown = JSON.parse(local.stdout) as { came: { source: string }; steps: readonly { what: string }[] };
  assert.equal(shown.came.source, 'local');
  assert.deepEqual(
    shown.steps.map(({ what }) => what),
    ['Using Tor at 127.0.0.1:1'],
  );
});
