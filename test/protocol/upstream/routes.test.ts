import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EDE, failureText } from '../../../src/failures/failures.ts';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';
import { startRecordingDohServer } from '../../fixtures/dns/recording-doh-server.ts';
import { LONG_NAME, startRouter } from '../../fixtures/dns/router.ts';
import { cleanEnvironment, dns4tor } from '../../fixtures/process/daemon.ts';
import { startProcess } from '../../fixtures/process/process.ts';
import { reservePort } from '../../fixtures/process/reserve-port.ts';
import { createOnionKey } from '../../fixtures/tor/onion-key.ts';
import { startSocksDouble } from '../../tor/socks-double.ts';
import { type Lab, startLab } from '../lab.ts';
import { FLAG } from '../reply.ts';
import { GOOD } from '../upstream-messages.ts';

/* Routes to a real dnsmasq on loopback. */

/** Flags that route `lan`, a company's zone and a reverse zone to one port of 127.0.0.1. */
function routesTo(port: number): readonly string[] {
  return ['lan', 'corp.example', '192.168.0.0/16'].flatMap((suffix) => ['--route', `${suffix}=127.0.0.1:${port}`]);
}

const dataOf = ({ answers }: Awaited<ReturnType<Lab['ask']>>): readonly unknown[] =>
  answers.map((record) => ('data' in record ? record.data : undefined));

test('routed names are answered by the router, all others through Tor, and neither sees the names of the other', async () => {
  await using router = await startRouter();
  await using lab = await startLab(...routesTo(router.port));
  assert.deepEqual(dataOf(await lab.ask('udp', { name: 'nas.lan' })), ['192.168.1.5']);
  assert.deepEqual(dataOf(await lab.ask('tcp', { name: 'NAS.lan', type: 'AAAA' })), ['fd00::5']);
  assert.deepEqual(dataOf(await lab.ask('udp', { name: 'vpn.corp.example' })), ['10.0.0.7']);
  assert.deepEqual(dataOf(await lab.ask('udp', { name: '5.1.168.192.in-addr.arpa', type: 'PTR' })), ['nas.lan']);
  assert.deepEqual(dataOf(await lab.ask('udp', { name: 'files.lan' })), ['nas.lan', '192.168.1.5']);
  assert.equal((await lab.ask('udp', { name: 'nothing.lan' })).rcode, 'NXDOMAIN');
  assert.equal((await lab.ask('udp', { name: 'www.example.org' })).rcode, 'NOERROR');
  assert.deepEqual(router.asked, [
    'A nas.lan',
    'AAAA nas.lan',
    'A vpn.corp.example',
    'PTR 5.1.168.192.in-addr.arpa',
    'A files.lan',
    'A nothing.lan',
  ]);
  for (const name of ['nas.lan', 'vpn.corp.example', 'files.lan', 'nothing.lan'])
    assert.equal(lab.asked(name), 0, name);
  assert.equal(lab.asked('www.example.org'), 1);
});

test('an answer that is longer than a datagram comes over TCP, and is given whole to a client over TCP', async () => {
  await using router = await startRouter();
  await using lab = await startLab(...routesTo(router.port));
  const { rcode, answers, flags } = await lab.ask('tcp', { name: LONG_NAME, type: 'TXT' });
  assert.deepEqual([rcode, answers.length, flags & FLAG.TC], ['NOERROR', 12, 0]);
  assert.deepEqual(router.asked, [`TXT ${LONG_NAME}`, `TXT ${LONG_NAME}`]);
});

test('a server over IPv6 answers over UDP and TCP', async () => {
  await using router = await startRouter({ address: '::1' });
  await using lab = await startLab('--route', `lan=[::1]:${router.port}`);
  assert.deepEqual(dataOf(await lab.ask('udp', { name: 'nas.lan' })), ['192.168.1.5']);
  assert.equal((await lab.ask('tcp', { name: LONG_NAME, type: 'TXT' })).answers.length, 12);
});

test('equal questions are sent once and answers are cached, also with --isolate client, and given expired while the router is down', async () => {
  await using router = await startRouter({ ttlSeconds: 2 });
  await using lab = await startLab(...routesTo(router.port), '--isolate', 'client', '--prefetch', 'false');
  await Promise.all((['udp', 'udp', 'tcp'] as const).map((transport) => lab.ask(transport, { name: 'nas.lan' })));
  assert.deepEqual(dataOf(await lab.ask('udp', { name: 'nas.lan' })), ['192.168.1.5']);
  assert.equal(router.asked.length, 1);
  await router.process.kill();
  let reply = await lab.ask('udp', { name: 'nas.lan', edns: {} });
  while (reply.ede === undefined) reply = await lab.ask('udp', { name: 'nas.lan', edns: {} });
  assert.equal(reply.ede.code, EDE.staleAnswer);
  assert.deepEqual(dataOf(reply), ['192.168.1.5']);
});

test('a dead router is a failure of its names alone: no name of it goes to Tor, which stays ready', async () => {
  await using reservation = await reservePort();
  const { port } = reservation;
  await reservation.release();
  await using lab = await startLab(...routesTo(port));
  for (let i = 0; i < 15; i++) {
    const { rcode, ede } = await lab.ask('udp', { name: `n${i}.lan`, edns: {} });
    assert.deepEqual(
      [rcode, ede?.code, ede?.text],
      ['SERVFAIL', EDE.networkError, failureText('ERR_ROUTE_UNREACHABLE')],
    );
    assert.equal(lab.asked(`n${i}.lan`), 0);
  }
  const status = JSON.parse((await lab.daemon.page('/api/status')).body);
  assert.equal(status.state, 'working');
  assert.deepEqual(
    status.upstreams.map(({ breaker, reason }: Record<string, unknown>) => [breaker, reason]),
    [['closed', null]],
  );
  assert.deepEqual(
    status.routes.map(({ route, servers }: { route: string; servers: { reason: string | null }[] }) => [
      route,
      servers.map(({ reason }) => reason),
    ]),
    [
      ['lan', ['route_unreachable']],
      ['corp.example', [null]],
      ['192.168.0.0/16', [null]],
    ],
  );
  const counted = (route: string, outcome: string): Promise<number> =>
    lab.counter('dns4tor_route_requests_total', { route, outcome });
  assert.equal(await counted('lan', 'route_unreachable'), 15);
  assert.equal(await lab.counter('dns4tor_route_server_failing', { route: 'lan' }), 1);
  const exchanged = await lab.counter('dns4tor_upstream_requests_total', { outcome: 'route_unreachable' });
  assert.equal(exchanged, 0);
});

/** Runs dns4tor until it ends, and returns its status and all that it printed. */
async function run(...words: readonly string[]): Promise<readonly [status: number | NodeJS.Signals, output: string]> {
  const [program, ...args] = dns4tor();
  await using running = await startProcess(program, [...args, ...words], { env: cleanEnvironment() });
  return [await running.ended, running.output];
}

test('query says that an answer came by a route and not through Tor', async () => {
  await using router = await startRouter();
  await using lab = await startLab(...routesTo(router.port));
  const [status, output] = await run('query', '-p', String(lab.daemon.port), '@127.0.0.1', 'nas.lan');
  assert.equal(status, 0);
  assert.ok(output.includes(`dns://127.0.0.1:${router.port}`), output);
  assert.ok(!output.includes('through Tor from'), output);
});

test('query --direct sends a name of a route to its server, and not through Tor', async () => {
  await using router = await startRouter();
  await using resources = new AsyncDisposableStack();
  const onion = createOnionKey().address;
  const ca = resources.use(await createCertificateAuthority());
  const upstream = resources.use(await startRecordingDohServer(await ca.issue([onion]), GOOD));
  const socks = resources.use(await startSocksDouble({ target: upstream }));
  assert.ok(socks.address.kind === 'tcp');
  const resolver = ['--upstream', `https://${onion}/dns-query`, '--upstream-ca', ca.certificatePath];
  const tor = ['--tor-socks', `127.0.0.1:${socks.address.port}`];
  const question = ['vpn.corp.example', '+short'];
  const [status, output] = await run('query', '--direct', ...resolver, ...tor, ...routesTo(router.port), ...question);
  assert.deepEqual([status, output.trim()], [0, '10.0.0.7']);
  assert.equal(upstream.requests.length, 0);
});

test('a route that leads back to dns4tor is refused at the start', async () => {
  await using reservation = await reservePort();
  const { port } = reservation;
  await reservation.release();
  const flags = `--port ${port} --metrics 127.0.0.1: --tor-socks unix:/nonexistent/socks`.split(' ');
  for (const [route, ...more] of [
    [`lan=127.0.0.1:${port}`],
    [`lan=127.0.0.1:${port}`, '--address', '0.0.0.0', '--allow', '192.0.2.0/24'],
  ] as const) {
    const [status, output] = await run('proxy-dns', ...flags, '--route', route, ...more);
    assert.notEqual(status, 0);
    assert.ok(output.includes('ERR_ROUTE_LOOP') || output.includes(failureText('ERR_ROUTE_LOOP')), output);
  }
});
