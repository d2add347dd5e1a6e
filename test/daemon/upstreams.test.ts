import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UpstreamConfig } from '../../src/config/config.ts';
import { createUpstream } from '../../src/daemon/upstreams.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { Deadline } from '../../src/lib/deadline.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { createCounters } from '../../src/metrics/counters.ts';
import type { Tor } from '../../src/tor/tor.ts';
import { ExtraBudget } from '../../src/upstream/extra-budget.ts';
import { createOnionKey } from '../fixtures/onion-key.ts';
import { startSocksDouble } from '../tor/socks-double.ts';

test('each connection has SOCKS credentials of its own, and Tor gets the name as a name', async () => {
  const host = createOnionKey().address;
  await using proxy = await startSocksDouble({ reply: 0xf2 });
  const tor: Tor = {
    socks: proxy.address,
    state: () => ({ state: 'unknown', bootstrapPercent: 0 }),
    observe: () => {},
    describe: () => 'a double',
    async [Symbol.asyncDispose]() {},
  };
  const config: UpstreamConfig = {
    url: `https://${host}/dns-query`,
    host,
    port: 443,
    path: '/dns-query',
    names: [host],
    ca: undefined,
    pins: [],
  };
  await using upstream = createUpstream(
    {
      tor: Promise.resolve(tor),
      clock: systemClock,
      random: systemRandom,
      metrics: createCounters([host]),
      budget: new ExtraBudget(),
      events: { connected: () => {}, connectFailed: () => {} },
      signal: new AbortController().signal,
    },
    config,
    { index: 0, circuits: 3, lifetimeMs: 600_000 },
  );
  await assert.rejects(upstream.exchange(new Uint8Array(128), Deadline.after(systemClock, 5000)), {
    code: 'ERR_TOR_HS_INTRO_FAILED',
  });
  assert.equal(proxy.requests.length, 3);
  assert.equal(new Set(proxy.requests.map(({ username, password }) => `${username} ${password}`)).size, 3);
  for (const { host: asked, addressType } of proxy.requests) {
    assert.equal(asked, host);
    assert.equal(addressType, 3);
  }
});
