import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { startBehindDouble } from '../../fixtures/dns/behind-double.ts';
import { neverAnswer } from '../../fixtures/dns/doh-behaviours.ts';
import { UdpClient } from '../../fixtures/dns/udp-client.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { metric } from '../daemon-health.ts';
import { readReply } from '../reply.ts';
import { GOOD } from '../upstream-messages.ts';

/*
 * A resolver that goes silent on every existing connection: it acknowledges PINGs but answers no query. New connections
 * work. test/upstream/pool/silent-connection.test.ts has more kinds of silence, on a manual clock.
 */

/**
 * Lookups work again within this time. A query is overdue after seven seconds, and three overdue queries condemn a
 * connection.
 */
const RECOVERY_MS = 20_000;
const EVERY_MS = 500;
const SOON_MS = 1000;

describe('a resolver that answers no query on existing connections', { concurrency: 2 }, () => {
  for (const circuits of ['1', '3']) {
    test(`is reached on a new connection with new SOCKS credentials, and logged once (--circuits ${circuits})`, async (t) => {
      let silentBelow = 0;
      await using running = await startBehindDouble(
        (request) => (request.connection < silentBelow ? neverAnswer : GOOD)(request),
        '--circuits',
        circuits,
      );
      const { daemon, upstream, socks } = running;
      await daemon.answers();
      await using client = await UdpClient.open(daemon.port);
      assert.equal(readReply(await client.ask({ name: 'before.example.com' })).rcode, 'NOERROR');
      // A connection that opens later would not be silent.
      await waitUntil('all circuits are open', RECOVERY_MS, async () => {
        return (await metric(daemon, 'dns4tor_upstream_connections')) === Number(circuits);
      });
      silentBelow = upstream.connections;
      const before = socks.requests.length;
      const silentSince = performance.now();
      const served: number[] = [];
      for (let i = 0; served.length === 0 && performance.now() - silentSince < RECOVERY_MS; i++) {
        const askedAt = performance.now();
        const asked = client.ask({ name: `n${i}.example.com` }).then((reply) => {
          const isSoon = performance.now() - askedAt < SOON_MS;
          if (isSoon && readReply(reply).rcode === 'NOERROR') served.push(askedAt - silentSince);
        });
        asked.catch(() => {});
        await setTimeout(EVERY_MS);
      }
      t.diagnostic(`served after ${((served[0] ?? Infinity) / 1000).toFixed(1)} s`);
      assert.ok(served.length > 0, 'no lookup succeeds any more');
      const credentials = socks.requests.map(({ username, password }) => `${username} ${password}`);
      assert.ok(credentials.length > before, 'no new connection was made');
      assert.equal(new Set(credentials).size, credentials.length);
      const lines = daemon.process.output.split('\n').filter((line) => line.includes('code=ERR_UPSTREAM_STALLED'));
      assert.equal(lines.length, 1, daemon.process.output);
    });
  }
});
