import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { LOG_EVENTS } from '../../../src/log/log-events.ts';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';
import { dig } from '../../fixtures/dns/dig.ts';
import { neverAnswer } from '../../fixtures/dns/doh-behaviours.ts';
import { buildQuery, decodeReply } from '../../fixtures/dns/messages.ts';
import {
  type DohRequest,
  type RecordingDohServer,
  startRecordingDohServer,
} from '../../fixtures/dns/recording-doh-server.ts';
import { type Daemon, startDaemon } from '../../fixtures/process/daemon.ts';
import { createOnionKey } from '../../fixtures/tor/onion-key.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { startSocksDouble } from '../../tor/socks-double.ts';
import { exchange } from '../raw-client.ts';
import { GOOD } from '../upstream-messages.ts';

const PATIENCE_MS = 60_000;

interface Running extends AsyncDisposable {
  readonly daemon: Daemon;
  readonly upstreams: readonly [RecordingDohServer, RecordingDohServer];
}

/** A dns4tor with two upstream servers behind a SOCKS server that replaces Tor. */
async function startBeforeTwo(...args: readonly string[]): Promise<Running> {
  await using resources = new AsyncDisposableStack();
  const ca = resources.use(await createCertificateAuthority());
  const onions = [createOnionKey().address, createOnionKey().address] as const;
  const start = async (onion: string): Promise<RecordingDohServer> =>
    resources.use(await startRecordingDohServer(await ca.issue([onion]), GOOD));
  const upstreams = [await start(onions[0]), await start(onions[1])] as const;
  const socks = resources.use(
    await startSocksDouble({
      target: async ({ host }) => connect(upstreams[host === onions[0] ? 0 : 1].port, '127.0.0.1'),
    }),
  );
  if (socks.address.kind !== 'tcp') throw new Error('the SOCKS double listens on no port');
  const daemon = resources.use(
    await startDaemon([
      ...onions.flatMap((onion) => ['--upstream', `https://${onion}/dns-query`]),
      '--upstream-ca',
      ca.certificatePath,
      '--tor-socks',
      `${socks.address.host}:${socks.address.port}`,
      ...args,
    ]),
  );
  await daemon.answers();
  const running = resources.move();
  return { daemon, upstreams, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** The last two labels of the queried names, without dns4tor's own probes. */
function sitesOf(requests: readonly DohRequest[]): Set<string> {
  const names = requests.map(({ query }) => decodeReply(query).questions?.[0]?.name ?? '.');
  return new Set(names.filter((name) => name !== '.').map((name) => name.split('.').slice(-2).join('.')));
}

/** The log lines of an event. */
function logged({ process }: Daemon, event: 'upstream_passed_over' | 'upstream_used_again'): number {
  return process.output.split(LOG_EVENTS[event].message).length - 1;
}

test('while the first upstream accepts connections but never answers, the second answers dig; later the first is used again', async () => {
  await using running = await startBeforeTwo();
  const { daemon, upstreams } = running;
  let asked = 0;
  const ask = async (): Promise<string> => {
    const { status } = await dig('@127.0.0.1', '-p', `${daemon.port}`, `n${asked++}.example`);
    return status;
  };
  assert.equal(await ask(), 'NOERROR');

  const [first, second] = upstreams;
  first.behaviour = neverAnswer;
  // dig gives up after five seconds.
  for (let i = 0; i < 5; i++) assert.equal(await ask(), 'NOERROR');
  assert.equal(second.requests.length, 5);
  assert.equal(logged(daemon, 'upstream_passed_over'), 1);

  first.behaviour = GOOD;
  await waitUntil('the first is used again', PATIENCE_MS, async () => {
    assert.equal(await ask(), 'NOERROR');
    return logged(daemon, 'upstream_used_again') === 1;
  });
  const before = second.requests.length;
  assert.equal(await ask(), 'NOERROR');
  assert.equal(second.requests.length, before);
  assert.equal(logged(daemon, 'upstream_passed_over'), 1);
});

test('--upstream-strategy shard: two upstreams see disjoint sets of sites, and a site keeps its upstream', async () => {
  await using running = await startBeforeTwo('--upstream-strategy', 'shard');
  const { daemon, upstreams } = running;
  const sites = Array.from({ length: 20 }, (_, i) => `site${i}.example`);
  for (const host of ['www', 'mail', 'a.b']) {
    const replies = sites.map((site) => exchange('udp', daemon, buildQuery({ name: `${host}.${site}` })));
    await Promise.all(replies);
  }
  const seen = upstreams.map(({ requests }) => sitesOf(requests));
  const [first = new Set(), second = new Set()] = seen;
  assert.ok(first.size > 0 && second.size > 0);
  assert.ok([...first].every((site) => !second.has(site)));
  assert.deepEqual([...first, ...second].toSorted(), sites.toSorted());
});
