import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Query } from '../../src/model/query.ts';
import { ask, decodeReply } from '../fixtures/dns/messages.ts';
import { answerTo, createResolver, UpstreamDouble } from './harness.ts';

const ALICE = '192.0.2.1';
const BOB = '192.0.2.2';

/** The TTL of answers from `answerTo`. */
const TTL_MS = 300_000;

const from = (client: string, name = 'example.com'): Query => ({ ...ask({ name }), client });
const rcodeOf = (reply: unknown): string => decodeReply(reply as Uint8Array).rcode;

test('with client isolation, exchanges carry the client, and two clients never share one', async () => {
  const held = Promise.withResolvers<void>();
  const upstream = new UpstreamDouble((query) => held.promise.then(() => answerTo(query)));
  const { handle, counters } = createResolver(upstream, { clientOf: async ({ client }) => `client ${client}` });
  const replies = [ALICE, BOB, ALICE, BOB].map(async (client) => handle(from(client)));
  await setImmediate();
  assert.deepEqual(upstream.clients, [`client ${ALICE}`, `client ${BOB}`]);
  // Equal questions of one client still share an exchange.
  assert.equal(counters.totals.coalesced.entries()[0]?.count, 2);
  held.resolve();
  assert.deepEqual((await Promise.all(replies)).map(rcodeOf), Array(4).fill('NOERROR'));
});

test('the client is identified only for upstream queries: all clients share the cache', async () => {
  const upstream = new UpstreamDouble();
  const lookedUp: string[] = [];
  const { handle } = createResolver(upstream, {
    async clientOf({ client }) {
      lookedUp.push(client);
      return client;
    },
  });
  await handle(from(ALICE));
  assert.equal(rcodeOf(handle(from(BOB))), 'NOERROR');
  assert.equal(rcodeOf(handle(from(BOB, 'localhost'))), 'NOERROR');
  assert.deepEqual(lookedUp, [ALICE]);
  assert.equal(upstream.queries.length, 1);
});

test('a refresh is sent for the client whose hit started it', async () => {
  const upstream = new UpstreamDouble();
  const { handle, clock } = createResolver(upstream, { clientOf: async ({ client }) => client });
  await handle(from(ALICE));
  void handle(from(BOB));
  // In the last twentieth of its lifetime, after the latest random refresh time.
  clock.advance(0.96 * TTL_MS);
  assert.equal(rcodeOf(handle(from(BOB))), 'NOERROR');
  await setImmediate();
  assert.deepEqual(upstream.clients, [ALICE, BOB]);
});

test('an error in identifying the client costs one query and no slot', async () => {
  const upstream = new UpstreamDouble();
  let broken = true;
  const { handle } = createResolver(upstream, {
    async clientOf({ client }) {
      if (broken) throw new Error('broken');
      return client;
    },
  });
  for (let i = 0; i < 200; i++) assert.equal(rcodeOf(await handle(from(ALICE))), 'SERVFAIL');
  broken = false;
  assert.equal(rcodeOf(await handle(from(ALICE))), 'NOERROR');
});
