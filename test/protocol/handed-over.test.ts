import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { messageOf } from '../../src/log/logger.ts';
import { buildQuery } from '../fixtures/dns/messages.ts';
import { type Daemon, dns4tor } from '../fixtures/process/daemon.ts';
import { handOver, type SocketSpec } from '../fixtures/process/hand-over.ts';
import { startProcess } from '../fixtures/process/process.ts';
import { runProgram } from '../fixtures/process/run-program.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { PATIENCE_MS, TcpClient } from '../listener/harness.ts';
import { LOCALHOST, METRICS, refusalOf, startHandedOver } from './handed-over.ts';
import { runNamespaced } from './namespaced.ts';
import { exchange, TRANSPORTS } from './raw-client.ts';
import { readReply } from './reply.ts';

/*
 * Sockets that dns4tor inherits, as with systemd's socket activation (sd_listen_fds(3)).
 */

async function assertAnswers(port: number, addresses: readonly string[]): Promise<void> {
  for (const transport of TRANSPORTS) {
    for (const address of addresses) {
      const query = buildQuery({ name: `${transport}-${address.replaceAll(':', '-')}.dns4tor-lab.net` });
      const reply = readReply(await exchange(transport, { port, address }, query));
      assert.equal(reply.rcode, 'NOERROR', `${transport} ${address}`);
      assert.equal(reply.answers.length, 1, `${transport} ${address}`);
    }
  }
}

async function assertScraped(daemon: Daemon): Promise<void> {
  const { status, body } = await daemon.page('/metrics');
  assert.equal(status, 200);
  assert.match(body, /^coredns_dns_requests_total\{.*family="2".*\} [1-9]/m);
  assert.match(body, /^coredns_dns_requests_total\{.*proto="tcp".*\} [1-9]/m);
}

test('queries over UDP and TCP, and scrapes, are answered on inherited sockets', async () => {
  await using running = await startHandedOver([...LOCALHOST, METRICS]);
  const { daemon } = running;
  await assertAnswers(daemon.port, ['127.0.0.1', '::1']);
  await assertScraped(daemon);
  assert.match(daemon.process.output, /address=dns:\/\/\[::1\]:/);
});

test('with no network except its sockets, and permission only for unix sockets, it answers from upstream', async () => {
  await using running = await startHandedOver([...LOCALHOST, METRICS], { confined: true });
  const { daemon } = running;
  await assertAnswers(daemon.port, ['127.0.0.1', '::1']);
  await assertScraped(daemon);
});

test('with --jitless, it also answers where writable memory may not be executed', async () => {
  const confinement = { confined: true, withoutNewCode: true };
  await using running = await startHandedOver([...LOCALHOST, METRICS], confinement, [], { NODE_OPTIONS: '--jitless' });
  await assertAnswers(running.daemon.port, ['127.0.0.1', '::1']);
  await assertScraped(running.daemon);
});

test('metrics are served on an inherited unix socket', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'metrics');
  await using running = await startHandedOver([...LOCALHOST, `metrics=unix=${path}`]);
  await assertAnswers(running.daemon.port, ['127.0.0.1']);
  const scrape = await runProgram('curl', ['--silent', '--fail', '--unix-socket', path, 'http://dns4tor/metrics']);
  assert.match(scrape, /^coredns_dns_requests_total\{.*proto="tcp".*\} [1-9]/m);
});

test('--address and --port are ignored with inherited sockets, and the log says so', async () => {
  // If they were bound, it would not start, because this port is in use.
  await using taken = new AsyncDisposableStack();
  const server = createServer().listen(0, '127.0.0.1');
  taken.defer(() => void server.close());
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const args = ['--address', '127.0.0.1', '--port', String(address.port)];
  await using running = await startHandedOver([...LOCALHOST, METRICS], {}, args);
  assert.notEqual(running.daemon.port, address.port);
  assert.ok(running.daemon.process.output.includes(messageOf('sockets_handed_over', {})));
});

test('sockets meant for another process are ignored', async () => {
  await using running = await startHandedOver(LOCALHOST, {}, [], { LISTEN_PID: '1' });
  assert.ok(!running.daemon.process.output.includes(messageOf('sockets_handed_over', {})));
  await assertAnswers(running.daemon.port, ['127.0.0.1']);
});

test('only allowed clients are answered on inherited sockets (UDP, TCP, DoT and DoH)', () =>
  runNamespaced('handed-over'));

test('the limits of TCP clients apply to inherited sockets', async () => {
  await using running = await startHandedOver([...LOCALHOST, METRICS], {}, ['--tcp-connections', '1']);
  const { daemon } = running;
  await using first = await TcpClient.connect(daemon.port);
  first.send(buildQuery({ name: 'localhost' }));
  await first.received(1);
  await using second = await TcpClient.connect(daemon.port);
  second.send(buildQuery({ name: 'localhost' }));
  await second.received(1);
  await first.end();
});

test('without an inherited socket named metrics, there is no metrics server', async () => {
  const [program = '', ...launcher] = await handOver(LOCALHOST);
  const flags = ['--tor-socks', 'unix:/nonexistent', '--tor-control', 'none'];
  await using running = await startProcess(program, [...launcher, ...dns4tor(), 'proxy-dns', ...flags]);
  await running.waitUntil('it has started', PATIENCE_MS, () => running.output.includes('Using Tor at'));
  assert.ok(running.output.includes(messageOf('metrics_absent', {})));
  assert.doesNotMatch(running.output, /Starting metrics server/);
});

test('a warning says that clients cannot be isolated by user if the sockets are of another network namespace', async () => {
  const warning = messageOf('users_unknown', {});
  await using confined = await startHandedOver([...LOCALHOST, METRICS], { confined: true }, ['--isolate', 'client']);
  assert.ok(confined.daemon.process.output.includes(warning));
  await using free = await startHandedOver([...LOCALHOST, METRICS], {}, ['--isolate', 'client']);
  assert.ok(!free.daemon.process.output.includes(warning));
});

function refusal(...specs: readonly SocketSpec[]): Promise<string> {
  return refusalOf(specs);
}

test('an unusable descriptor is an error that names it and the reason', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'stream');
  const useless = /^descriptor 3 is neither a UDP socket nor a listening TCP socket: .*; .*\.socket unit$/;
  assert.match(await refusal('dns=file=/dev/null', 'dns=tcp=127.0.0.1'), useless);
  assert.match(await refusal(`dns=unix=${path}`, 'dns=tcp=127.0.0.1'), useless);
  assert.match(await refusal('dns=connected=127.0.0.1', 'dns=tcp=127.0.0.1'), useless);
  const notForMetrics = /^descriptor 5 \(metrics\) is not a listening TCP or unix socket: /;
  const dns: readonly SocketSpec[] = ['dns=udp=127.0.0.1', 'dns=tcp=127.0.0.1'];
  assert.match(await refusal(...dns, 'metrics=udp=127.0.0.1'), notForMetrics);
  assert.match(await refusal(...dns, 'metrics=file=/dev/null'), notForMetrics);
});

test('UDP and TCP sockets that are not pairs of the same address and in the same order are an error', async () => {
  assert.match(
    await refusal('dns=udp=127.0.0.1'),
    /^127\.0\.0\.1:\d+ has no TCP socket beside it; .*in the same order/,
  );
  assert.match(await refusal('dns=udp=::1'), /^\[::1\]:\d+ has no TCP socket beside it/);
  assert.match(await refusal('dns=tcp=::1'), /^\[::1\]:\d+ has no UDP socket beside it/);
  const [udp4, tcp4, udp6, tcp6] = LOCALHOST as [SocketSpec, SocketSpec, SocketSpec, SocketSpec];
  assert.match(await refusal(udp4, udp6, tcp6, tcp4), /^127\.0\.0\.1:\d+ has no TCP socket beside it/);
  assert.match(await refusal('dns=udp=127.0.0.2', tcp4), /^127\.0\.0\.2:\d+ has no TCP socket beside it/);
});

test('sockets of wildcard addresses are refused, because a reply could leave from another address than the queried one', async () => {
  assert.match(await refusal('dns=udp=0.0.0.0', 'dns=tcp=0.0.0.0'), /^0\.0\.0\.0:\d+ is a wildcard address/);
  assert.match(await refusal('dns=udp=::', 'dns=tcp=::'), /^\[::\]:\d+ is a wildcard address/);
});
