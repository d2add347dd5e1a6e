import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dns4torError } from '../../src/failures/errors.ts';
import { failureText } from '../../src/failures/failures.ts';
import {
  buildQuery,
  buildResponse,
  decodeReply,
  optRecord,
  type QuerySpec,
  receive,
} from '../fixtures/dns/messages.ts';
import { answerTo, createResolver, extendedErrorOf, LIMITS, responses, UpstreamDouble } from './harness.ts';

/** An upstream that answers on command. */
function heldUpstream(): { upstream: UpstreamDouble; release: () => void; fail: (error: Error) => void } {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const upstream = new UpstreamDouble(async (query) => {
    await promise;
    return answerTo(query);
  });
  return { upstream, release: resolve, fail: reject };
}

test('ten equal questions are one exchange, and each client gets its own ID and letter case back', async () => {
  const { upstream, release } = heldUpstream();
  const { ask, counters } = createResolver(upstream);
  const spellings = ['example.com', 'EXAMPLE.com', 'ExAmPlE.cOm'];
  const specs = Array.from({ length: 10 }, (_, id) => ({ id, name: spellings[id % 3] as string }));
  const replies = specs.map(async (spec) => ask(spec));
  release();
  for (const [i, reply] of (await Promise.all(replies)).entries()) {
    const { id, rcode, questions, answers } = decodeReply(reply);
    assert.deepEqual([id, rcode, questions?.[0]?.name, answers?.length], [i, 'NOERROR', specs[i]?.name, 1]);
  }
  assert.equal(upstream.queries.length, 1);
  assert.equal(counters.totals.coalesced.entries()[0]?.count, 9);
  assert.equal(counters.totals.cacheMisses.entries()[0]?.count, 10);
});

test('questions that differ in name, type, DO or CD are sent separately', async () => {
  const { upstream, release } = heldUpstream();
  const { ask } = createResolver(upstream);
  const RD = 0x0100;
  const CD = 0x0010;
  const different: readonly QuerySpec[] = [
    {},
    { name: 'example.org' },
    { type: 'AAAA' },
    { edns: { dnssecOk: true } },
    { flags: RD | CD },
    { edns: { dnssecOk: true }, flags: RD | CD },
  ];
  const replies = different.map(async (spec) => ask(spec));
  assert.equal(upstream.queries.length, different.length);
  release();
  await Promise.all(replies);
  assert.equal(new Set(upstream.queries.map((query) => Buffer.from(query).toString('hex'))).size, different.length);
});

test('nothing that distinguishes clients reaches the upstream', async () => {
  const { upstream, release } = heldUpstream();
  const { ask } = createResolver(upstream);
  const cookie = { code: 10, data: new Uint8Array(8).fill(1) };
  const subnet = { code: 8, data: Uint8Array.of(0, 1, 24, 0, 192, 0, 2) };
  const AD = 0x0020;
  const same: readonly QuerySpec[] = [
    {},
    { id: 99 },
    { name: 'EXAMPLE.com' },
    { flags: 0x0100 | AD },
    { edns: { udpPayloadBytes: 4096, options: [cookie, subnet] } },
  ];
  const replies = same.map(async (spec) => ask(spec));
  assert.equal(upstream.queries.length, 1);
  const [query] = upstream.queries;
  assert.equal(query?.length, 128);
  assert.equal(decodeReply(query).id, 0);
  release();
  await Promise.all(replies);
});

test('only clients that sent AD, OPT or DO get them back, though they share one exchange', async () => {
  const { upstream, release } = heldUpstream();
  const { ask } = createResolver(upstream);
  const asked = [{}, { flags: 0x0120 }, { edns: {} }].map(async (spec) => ask(spec));
  release();
  const replies = (await Promise.all(asked)).map((reply) => decodeReply(reply));
  assert.deepEqual(
    replies.map(({ flag_ad, additionals }) => [flag_ad, additionals?.length]),
    [
      [false, 0],
      [true, 0],
      [false, 1],
    ],
  );
  assert.equal(upstream.queries.length, 1);
});

test('a failure reaches all waiting clients, and the next query is sent again', async () => {
  const { upstream, fail } = heldUpstream();
  const { ask, counters } = createResolver(upstream);
  const replies = Array.from({ length: 3 }, async () => ask({}));
  fail(new Dns4torError('ERR_TOR_TIMEOUT'));
  for (const reply of await Promise.all(replies)) assert.equal(decodeReply(reply).rcode, 'SERVFAIL');
  assert.deepEqual(responses(counters), { 'SERVFAIL upstream': 3 });
  upstream.answer = async (query) => answerTo(query);
  assert.equal(decodeReply(await ask({})).rcode, 'NOERROR');
  assert.equal(upstream.queries.length, 2);
});

test('RFC 9520 §3.2: a failure from the upstream is cached and repeated with EDE 13; after it expires the question is sent again', async () => {
  const failing = new UpstreamDouble(async () => buildResponse({ flags: 2 }));
  const { ask, clock } = createResolver(failing);
  assert.equal(extendedErrorOf(await ask({ edns: {} }))?.code, 0);
  const again = ask({ edns: {} }) as Uint8Array;
  assert.equal(decodeReply(again).rcode, 'SERVFAIL');
  assert.equal(extendedErrorOf(again)?.code, 13);
  assert.equal(failing.queries.length, 1);
  clock.advance(1000);
  await ask({ edns: {} });
  assert.equal(failing.queries.length, 2);
});

test('RFC 8914: the upstream’s extended error is passed on, and a failure without one gets ours', async () => {
  const error = { code: 15, data: Uint8Array.of(0, 6, ...Buffer.from('bogus')) };
  const upstream = new UpstreamDouble(async () =>
    buildResponse({ flags: 2, additionals: [optRecord({ options: [error] })] }),
  );
  const { ask, clock } = createResolver(upstream);
  assert.deepEqual(extendedErrorOf(await ask({ edns: {} })), { code: 6, text: 'bogus' });
  upstream.answer = async () => buildResponse({ flags: 2 });
  clock.advance(60_000);
  const reply = await ask({ edns: {} });
  assert.deepEqual(extendedErrorOf(reply), { code: 0, text: failureText('ERR_RESPONSE_FAILURE') });
});

test('beyond its limit of queries in flight, a client gets SERVFAIL and EDE at once', async () => {
  const { ask } = createResolver(new UpstreamDouble(() => new Promise(() => {})));
  for (let i = 0; i < LIMITS.maxInFlightPerClient; i++) void ask({ name: `n${i}.example` });
  const reply = await ask({ name: 'one-more.example', edns: {} });
  assert.equal(decodeReply(reply).rcode, 'SERVFAIL');
  assert.equal(extendedErrorOf(reply)?.text, failureText('ERR_IN_FLIGHT_CLIENT'));
});

test('a routed question neither waits for a place on the circuits of Tor nor is told apart by client', async () => {
  const upstream = new UpstreamDouble();
  const { ask, handle } = createResolver(upstream, {
    init: { capacity: () => 0 },
    isRouted: (query) => decodeReply(query).questions?.[0]?.name.endsWith('corp.example') === true,
    clientOf: async () => 'somebody',
  });
  void handle(receive(buildQuery({ name: 'waits.example' })));
  assert.equal(decodeReply(await ask({ name: 'vpn.corp.example' })).rcode, 'NOERROR');
  assert.equal(upstream.queries.length, 1);
  assert.deepEqual(upstream.clients, [undefined]);
});
