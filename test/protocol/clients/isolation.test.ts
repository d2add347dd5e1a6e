import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DaemonBehindDouble, startBehindDouble } from '../../fixtures/dns/behind-double.ts';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { asOtherUser } from '../../fixtures/process/other-user.ts';
import { createOnionKey } from '../../fixtures/tor/onion-key.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { PATIENCE_MS } from '../../listener/harness.ts';
import { runNamespaced } from '../namespaced.ts';
import { connectRaw, type Endpoint, type RawClient, TRANSPORTS, type Transport } from '../raw-client.ts';
import { readReply } from '../reply.ts';
import { GOOD, questionOf } from '../upstream-messages.ts';

/*
 * `--isolate`: Tor puts connections on the same circuit only if their SOCKS requests have the same credentials. The
 * daemon keeps one circuit for each client or upstream here.
 */

/** The connections on which upstream was queried for a name. */
function connectionsFor({ upstream }: DaemonBehindDouble, name: string): number[] {
  return upstream.requests.filter(({ query }) => isAbout(query, name)).map(({ connection }) => connection);
}

function isAbout(query: Uint8Array, name: string): boolean {
  return Buffer.from(questionOf(query)).equals(buildQuery({ name }).subarray(12));
}

function identities({ socks }: DaemonBehindDouble): string[] {
  return socks.requests.map(({ username, password }) => `${username} ${password}`);
}

/** Sends one query. Returns the connection on which it went upstream. */
async function ask(
  running: DaemonBehindDouble,
  name: string,
  transport: Transport,
  from?: Partial<Endpoint>,
): Promise<number[]> {
  await using client = await connectRaw(transport, { port: running.daemon.port, ...from });
  return await askOver(client, running, name);
}

/** The same as another user. Only the client's socket belongs to that user, so the SOCKS double stays trusted. */
async function askAsOtherUser(
  running: DaemonBehindDouble,
  name: string,
  transport: Transport,
  from?: Partial<Endpoint>,
): Promise<number[]> {
  const endpoint = { port: running.daemon.port, ...from };
  await using client = await asOtherUser(() => connectRaw(transport, endpoint));
  return await askOver(client, running, name);
}

async function askOver(client: RawClient, running: DaemonBehindDouble, name: string): Promise<number[]> {
  client.send(buildQuery({ name }));
  const [reply] = await client.received(1);
  assert.ok(reply !== undefined);
  assert.equal(readReply(reply).rcode, 'NOERROR', name);
  return connectionsFor(running, name);
}

test('--isolate client: users of this machine never share a circuit, whatever transport and address they use', async () => {
  const addresses = ['127.0.0.1', '::1'];
  const listen = addresses.flatMap((address) => ['--address', address]);
  await using running = await startBehindDouble(GOOD, '--isolate', 'client', ...listen);
  await running.daemon.answers();
  const own = new Set<number>();
  const others = new Set<number>();
  for (const address of addresses) {
    for (const transport of TRANSPORTS) {
      const name = `${transport}-${addresses.indexOf(address)}.example`;
      for (const connection of await ask(running, `own-${name}`, transport, { address })) own.add(connection);
      for (const connection of await askAsOtherUser(running, `other-${name}`, transport, { address })) {
        others.add(connection);
      }
    }
  }
  // The same user with another address is the same client.
  const again = await ask(running, 'again.example', 'udp', { from: '127.0.0.2' });
  assert.ok(again.every((connection) => own.has(connection)));
  assert.deepEqual(
    [...own].filter((connection) => others.has(connection)),
    [],
  );
  assert.equal(new Set(identities(running)).size, identities(running).length);
});

test('--isolate client: concurrent identical queries of two users are sent for each; cached answers are shared', async () => {
  const release = Promise.withResolvers<void>();
  const name = 'both.example';
  await using running = await startBehindDouble(
    async (request) => {
      if (isAbout(request.query, name)) await release.promise;
      return GOOD(request);
    },
    '--isolate',
    'client',
  );
  await running.daemon.answers();
  const { port } = running.daemon;
  await using own = await connectRaw('udp', { port });
  await using other = await asOtherUser(() => connectRaw('udp', { port }));
  own.send(buildQuery({ name }));
  other.send(buildQuery({ name }));
  await waitUntil('both are sent', PATIENCE_MS, () => connectionsFor(running, name).length === 2);
  assert.equal(new Set(connectionsFor(running, name)).size, 2);
  release.resolve();
  await Promise.all([own.received(1), other.received(1)]);
  assert.equal((await ask(running, name, 'tcp')).length, 2);
});

test('--isolate client: clients on other machines are distinguished by address (UDP and TCP, IPv4 and IPv6)', () =>
  runNamespaced('client-isolation'));

test('without --isolate all clients share the circuits', async () => {
  await using running = await startBehindDouble(GOOD);
  await running.daemon.answers();
  const own = await ask(running, 'own.example', 'udp');
  const others = await askAsOtherUser(running, 'other.example', 'udp');
  // A faster circuit may replace the first between two queries.
  const again = await ask(running, 'again.example', 'udp');
  assert.ok(others.every((connection) => [...own, ...again].includes(connection)));
});

for (const [isolation, isShared] of [
  ['upstream', false],
  ['none', true],
] as const) {
  test(`--isolate ${isolation}: the connections of two upstreams have ${isShared ? 'the same' : 'different'} credentials`, async () => {
    const second = createOnionKey().address;
    let works = true;
    await using running = await startBehindDouble(
      (request) => (works ? GOOD(request) : { status: 500, body: Buffer.alloc(0) }),
      '--isolate',
      isolation,
      '--upstream',
      `https://${second}/dns-query`,
    );
    await running.daemon.answers();
    works = false;
    await using client = await connectRaw('udp', running.daemon);
    client.send(buildQuery({ name: 'failing.example' }));
    const isAsked = (): boolean => running.socks.requests.some(({ host }) => host === second);
    await waitUntil('the second upstream is queried', PATIENCE_MS, isAsked);
    // All connections of the second fail, because the server's certificate has another name.
    const shown = running.socks.requests.map(({ host, username }) => ({ isSecond: host === second, username }));
    const toFirst = new Set(shown.filter(({ isSecond }) => !isSecond).map(({ username }) => username));
    const toSecond = new Set(shown.filter(({ isSecond }) => isSecond).map(({ username }) => username));
    assert.ok(toFirst.size > 0 && toSecond.size > 0);
    assert.equal(
      [...toSecond].some((username) => toFirst.has(username)),
      isShared,
    );
  });
}
