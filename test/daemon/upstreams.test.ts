import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UpstreamConfig } from '../../src/config/config.ts';
import { createUpstream, type UpstreamComponents, type UpstreamInit } from '../../src/daemon/upstreams.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { Deadline } from '../../src/lib/deadline.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { createCounters } from '../../src/metrics/counters.ts';
import { SharedIdentities } from '../../src/tor/socks/isolation-credentials.ts';
import { judgeManagedTor } from '../../src/tor/socks/socks-peer.ts';
import type { Tor } from '../../src/tor/tor.ts';
import { RetryBudget } from '../../src/upstream/pool/retry-budget.ts';
import type { PooledUpstream } from '../../src/upstream/upstream.ts';
import { createOnionKey } from '../fixtures/tor/onion-key.ts';
import { type SocksDouble, type SocksRequest, startSocksDouble } from '../tor/socks-double.ts';

const LIFETIME_MS = 600_000;

/** An upstream with its own onion service, behind a proxy in Tor's place. */
function createBehind(
  proxy: SocksDouble,
  further: Partial<UpstreamComponents> & Partial<UpstreamInit> = {},
): PooledUpstream & { readonly host: string } {
  const host = createOnionKey().address;
  const tor: Tor = {
    socks: proxy.address,
    judgePeer: judgeManagedTor,
    state: () => ({ state: 'unknown', bootstrapPercent: 0 }),
    observe: () => {},
    networkChanged: () => {},
    kind: 'external',
    describe: () => 'a double',
    async [Symbol.asyncDispose]() {},
  };
  const config: UpstreamConfig = {
    url: `https://${host}/dns-query`,
    host,
    port: 443,
    protocol: 'https',
    names: [host],
    namesThroughTor: [],
    onlyThroughTor: false,
    ca: undefined,
    pins: [],
    chainHashes: [],
    tlsMin: '1.3',
  };
  const upstream = createUpstream(
    {
      tor: Promise.resolve(tor),
      clock: systemClock,
      random: systemRandom,
      metrics: createCounters([host], 3),
      budget: new RetryBudget(),
      events: { connected: () => {}, connectFailed: () => {} },
      signal: new AbortController().signal,
      ...further,
    },
    config,
    { index: 0, circuits: 3, candidates: 3, lifetimeMs: LIFETIME_MS, ...further },
  );
  return Object.assign(upstream, { host });
}

/** Sends a query while no circuit can connect, so that each is tried. */
async function tryAll(upstream: PooledUpstream, client?: string): Promise<void> {
  const deadline = Deadline.after(systemClock, 5000);
  await assert.rejects(upstream.exchange(new Uint8Array(128), { deadline, client }), {
    code: 'ERR_TOR_HS_INTRO_FAILED',
  });
}

const identityOf = ({ username, password }: SocksRequest): string => `${username} ${password}`;

test('each connection has its own SOCKS credentials, and Tor gets the name unresolved', async () => {
  await using proxy = await startSocksDouble({ reply: 0xf2 });
  await using upstream = createBehind(proxy);
  await tryAll(upstream);
  assert.equal(proxy.requests.length, 3);
  assert.equal(new Set(proxy.requests.map(identityOf)).size, 3);
  for (const { host: asked, addressType } of proxy.requests) {
    assert.equal(asked, upstream.host);
    assert.equal(addressType, 3);
  }
});

test('with shared identities, two upstreams use the same credentials, one pair per connection', async () => {
  await using proxy = await startSocksDouble({ reply: 0xf2 });
  const shared = new SharedIdentities(systemClock, systemRandom, LIFETIME_MS);
  await using one = createBehind(proxy, { nextIdentity: shared.createSource() });
  await using two = createBehind(proxy, { nextIdentity: shared.createSource() });
  await tryAll(one);
  await tryAll(two);
  const shown = (host: string): Set<string> =>
    new Set(proxy.requests.filter((request) => request.host === host).map(identityOf));
  assert.equal(shown(one.host).size, 3);
  assert.deepEqual(shown(one.host), shown(two.host));
});

test('with circuits per client, no two clients ever use the same credentials', async () => {
  await using proxy = await startSocksDouble({ reply: 0xf2 });
  await using upstream = createBehind(proxy, { perClient: true });
  await tryAll(upstream, 'alice');
  await tryAll(upstream, 'bob');
  assert.equal(proxy.requests.length, 6);
  assert.equal(new Set(proxy.requests.map(identityOf)).size, 6);
});
