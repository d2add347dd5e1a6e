import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { test } from 'node:test';
import { createUpstream } from '../../src/daemon/upstreams.ts';
import { Deadline } from '../../src/lib/deadline.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { createCounters } from '../../src/metrics/counters.ts';
import { judgeManagedTor } from '../../src/tor/socks/socks-peer.ts';
import type { Tor } from '../../src/tor/tor.ts';
import type { AlternativeEvents } from '../../src/upstream/alt-svc/alternative-transport.ts';
import { RetryBudget } from '../../src/upstream/pool/retry-budget.ts';
import type { PooledUpstream } from '../../src/upstream/upstream.ts';
import { createCertificateAuthority } from '../fixtures/certificates.ts';
import { type RecordingDohServer, startRecordingDohServer } from '../fixtures/dns/recording-doh-server.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { createOnionKey } from '../fixtures/tor/onion-key.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import { startSocksDouble } from '../tor/socks-double.ts';
import { answerTo, queryFor } from '../upstream/rig.ts';

const NAME = 'resolver.test';
const ONION = createOnionKey().address;
const LIFETIME_MS = 600_000;
const CONNECT_TIMEOUT_MS = 10_000;

interface Setup extends AsyncDisposable {
  readonly upstream: PooledUpstream;
  readonly clock: ManualClock;
  /** Answers at the name, and at each onion service that {@link elsewhere} does not list, with {@link header}. */
  readonly resolver: RecordingDohServer;
  /** A server without a certificate for the name. */
  readonly impostor: RecordingDohServer;
  /** The Alt-Svc field of each answer. Absent: no such field. */
  header: string | undefined;
  /** Targets of onion services. All others lead to the resolver. */
  readonly elsewhere: Map<string, RecordingDohServer | 'nowhere'>;
  /** The hosts that Tor was asked to connect to, in order. */
  readonly dialled: () => string[];
  /** Reported failures of connections, by code, and events of alternative services. */
  readonly events: string[];
  readonly ask: (client?: string) => Promise<Uint8Array>;
  /**
   * Ends the lifetime of every circuit and waits for the new connections. Resolves to the hosts that they go to.
   */
  readonly rotate: () => Promise<string[]>;
}

interface SetupOptions {
  /** @default 1 */
  readonly circuits?: number;
  /** @default true */
  readonly altSvc?: boolean;
  /** @default false */
  readonly perClient?: boolean;
  /** Host of the resolver. @default a name */
  readonly host?: string;
}

async function setUp({
  circuits = 1,
  altSvc = true,
  perClient = false,
  host = NAME,
}: SetupOptions = {}): Promise<Setup> {
  await using stack = new AsyncDisposableStack();
  const authority = stack.use(await createCertificateAuthority());
  const resolver = stack.use(
    await startRecordingDohServer(await authority.issue([host]), ({ query }) => ({
      body: answerTo(query),
      headers: setup.header === undefined ? {} : { 'alt-svc': setup.header },
    })),
  );
  const impostor = stack.use(
    await startRecordingDohServer(await authority.issue([ONION]), ({ query }) => ({ body: answerTo(query) })),
  );
  const elsewhere: Setup['elsewhere'] = new Map();
  const socks = stack.use(
    await startSocksDouble({
      async target({ host: dialledHost }) {
        const server = elsewhere.get(dialledHost) ?? resolver;
        if (server === 'nowhere') throw new Error('the onion is down');
        const socket = connect(server.port, server.host);
        await once(socket, 'connect');
        return socket;
      },
    }),
  );
  const tor: Tor = {
    socks: socks.address,
    judgePeer: judgeManagedTor,
    state: () => ({ state: 'unknown', bootstrapPercent: 0 }),
    observe: () => {},
    networkChanged: () => {},
    kind: 'external',
    describe: () => 'a double',
    async [Symbol.asyncDispose]() {},
  };
  const clock = new ManualClock();
  const events: string[] = [];
  const alternativeEvents: AlternativeEvents = {
    discovered: (count) => events.push(`learnt ${count}`),
    connected: () => events.push('worked'),
    failed: ({ code }) => events.push(code),
  };
  let connections = 0;
  const upstream = stack.use(
    createUpstream(
      {
        tor: Promise.resolve(tor),
        clock,
        random: { ...systemRandom, fraction: () => 0.5 },
        metrics: createCounters([host], circuits),
        budget: new RetryBudget(),
        events: { connected: () => connections++, connectFailed: ({ code }) => events.push(code) },
        ...(altSvc ? { alternativeEvents } : {}),
        signal: new AbortController().signal,
      },
      {
        protocol: 'https',
        url: `https://${host}/dns-query`,
        host,
        port: 443,
        names: [host],
        namesThroughTor: [],
        onlyThroughTor: false,
        ca: await readFile(authority.certificatePath, 'utf8'),
        pins: [],
        chainHashes: [],
        tlsMin: '1.3',
      },
      { index: 0, circuits, candidates: circuits, lifetimeMs: LIFETIME_MS, perClient },
    ),
  );
  const owned = stack.move();
  const ask = (client?: string): Promise<Uint8Array> =>
    upstream.exchange(queryFor('example.com'), { deadline: Deadline.after(clock, CONNECT_TIMEOUT_MS), client });
  const dialled = (): string[] => socks.requests.map((request) => request.host);
  const setup: Setup = {
    upstream,
    clock,
    resolver,
    impostor,
    header: undefined,
    elsewhere,
    dialled,
    events,
    ask,
    async rotate() {
      const [before, wanted] = [dialled().length, connections + circuits];
      clock.advance(LIFETIME_MS);
      // Unused circuits are opened again only with the next query.
      if (circuits > 1) await ask();
      await waitUntil('connections are renewed', CONNECT_TIMEOUT_MS, () => connections >= wanted);
      return dialled().slice(before);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
  return setup;
}

function offer(...hosts: readonly string[]): string {
  return hosts.map((host) => `h2="${host}:443"; ma=86400`).join(', ');
}

test('the next connection goes to an onion service that an answer offered, with the original name for TLS and HTTP', async () => {
  await using setup = await setUp();
  setup.header = offer(ONION);
  await setup.ask();
  assert.equal(setup.upstream.alternatives, 1);
  assert.deepEqual(await setup.rotate(), [ONION]);
  await setup.ask();
  const [atName, atOnion] = setup.resolver.requests;
  assert.deepEqual([atName?.connection, atOnion?.connection], [0, 1]);
  assert.deepEqual(atOnion?.headers, atName?.headers);
  assert.equal(atOnion?.headers[':authority'], NAME);
  assert.deepEqual(setup.events, ['learnt 1', 'worked']);
});

test('with ten onion services, each circuit goes to a different one', async () => {
  await using setup = await setUp({ circuits: 3 });
  const onions = Array.from({ length: 10 }, () => createOnionKey().address);
  setup.header = offer(...onions);
  await setup.ask();
  const hosts = await setup.rotate();
  assert.equal(setup.upstream.alternatives, 10);
  assert.equal(new Set(hosts).size, 3);
  for (const host of hosts) assert.ok(onions.includes(host));
});

test('several Alt-Svc field lines are one list', async () => {
  await using setup = await setUp();
  const other = createOnionKey().address;
  setup.resolver.behaviour = ({ query }) => ({
    body: answerTo(query),
    headers: { 'alt-svc': [offer(ONION), offer(other)] },
  });
  await setup.ask();
  assert.equal(setup.upstream.alternatives, 2);
});

test('an onion service without a valid certificate for the name gets no query; the connection goes to the name', async () => {
  await using setup = await setUp();
  setup.header = offer(ONION);
  setup.elsewhere.set(ONION, setup.impostor);
  await setup.ask();
  assert.deepEqual(await setup.rotate(), [ONION, NAME]);
  await setup.ask();
  assert.equal(setup.impostor.requests.length, 0);
  assert.equal(setup.resolver.requests.length, 2);
  assert.deepEqual(setup.events, ['learnt 1', 'ERR_TLS_NAME']);
});

test('an onion service that is down is replaced by the name, and tried again later', async () => {
  await using setup = await setUp();
  setup.header = offer(ONION);
  setup.elsewhere.set(ONION, 'nowhere');
  await setup.ask();
  assert.deepEqual(await setup.rotate(), [ONION, NAME]);
  setup.elsewhere.delete(ONION);
  await setup.ask();
  assert.deepEqual(await setup.rotate(), [ONION]);
});

test('onion services are not blamed while the name cannot be reached either', async () => {
  await using setup = await setUp();
  setup.header = offer(ONION);
  await setup.ask();
  setup.elsewhere.set(ONION, 'nowhere').set(NAME, 'nowhere');
  setup.clock.advance(LIFETIME_MS);
  await waitUntil('the renewal fails', CONNECT_TIMEOUT_MS, () => setup.events.length > 1);
  assert.deepEqual(setup.dialled().slice(-2), [ONION, NAME]);
  setup.elsewhere.clear();
  assert.equal((await setup.rotate()).at(-1), ONION);
});

for (const { what, reply } of [
  { what: '421', reply: { status: 421, body: new Uint8Array() } },
  { what: 'a web page', reply: { headers: { 'content-type': 'text/html' }, body: new Uint8Array() } },
]) {
  test(`a query that an onion service answers with ${what} is sent again to the name`, async () => {
    await using setup = await setUp();
    setup.header = offer(ONION);
    await setup.ask();
    await setup.rotate();
    const { behaviour } = setup.resolver;
    setup.resolver.behaviour = (request) => (request.connection === 1 ? reply : behaviour(request));
    const asked = setup.ask();
    // After a failed connection there is a pause before the name is tried.
    await waitUntil('the onion refuses', CONNECT_TIMEOUT_MS, () => setup.resolver.requests.length === 2);
    setup.clock.advance(1000);
    await asked;
    assert.deepEqual(setup.dialled(), [NAME, ONION, NAME]);
  });
}

test('after `clear`, connections go to the name', async () => {
  await using setup = await setUp();
  setup.header = offer(ONION);
  await setup.ask();
  assert.deepEqual(await setup.rotate(), [ONION]);
  setup.header = 'clear';
  await setup.ask();
  assert.equal(setup.upstream.alternatives, 0);
  assert.deepEqual(await setup.rotate(), [NAME]);
});

test('when `ma` has passed, connections go to the name', async () => {
  await using setup = await setUp();
  setup.header = `h2="${ONION}:443"; ma=3600`;
  await setup.ask();
  assert.deepEqual(await setup.rotate(), [ONION]);
  setup.header = undefined;
  setup.clock.advance(3_600_000);
  await setup.ask();
  assert.deepEqual((await setup.rotate()).at(-1), NAME);
});

test('after a network change, connections go to the name', async () => {
  await using setup = await setUp();
  setup.header = offer(ONION);
  await setup.ask();
  setup.header = undefined;
  setup.upstream.renewAll();
  await setup.ask();
  assert.deepEqual(setup.dialled(), [NAME, NAME]);
});

test('alternative services are ignored if turned off', async () => {
  await using setup = await setUp({ altSvc: false });
  setup.header = offer(ONION);
  await setup.ask();
  assert.deepEqual(await setup.rotate(), [NAME]);
  assert.equal(setup.upstream.alternatives, undefined);
});

for (const [what, host] of [
  ['an onion', createOnionKey().address],
  ['an IP address', '127.0.0.1'],
] as const) {
  test(`an upstream that is ${what} is not replaced by an onion service`, async () => {
    await using setup = await setUp({ host });
    setup.header = offer(ONION);
    await setup.ask();
    assert.deepEqual(await setup.rotate(), setup.dialled().slice(0, 1));
    assert.equal(setup.upstream.alternatives, undefined);
  });
}

test('an onion service that has answered is not left because of an HTTP error', async () => {
  await using setup = await setUp();
  setup.header = offer(ONION);
  await setup.ask();
  await setup.rotate();
  await setup.ask();
  const { behaviour } = setup.resolver;
  setup.resolver.behaviour = () => ({ status: 503, body: new Uint8Array() });
  await assert.rejects(setup.ask(), { code: 'ERR_DOH_STATUS' });
  setup.resolver.behaviour = behaviour;
  await setup.ask();
  assert.deepEqual(setup.dialled(), [NAME, ONION]);
});

test('with circuits per client, none goes to an onion service that another client was offered', async () => {
  await using setup = await setUp({ perClient: true });
  setup.header = offer(ONION);
  await setup.ask('alice');
  await setup.ask('bob');
  assert.deepEqual(setup.dialled(), [NAME, NAME]);
  assert.equal(setup.upstream.alternatives, 1);
});
