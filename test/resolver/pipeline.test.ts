import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cache } from '../../src/cache/cache.ts';
import { Dns4torError } from '../../src/failures/errors.ts';
import { EDE, type ErrorCode, failureKind, failureText } from '../../src/failures/failures.ts';
import { createQueryScanner } from '../../src/message/wire/scan-query.ts';
import { createCounters } from '../../src/metrics/counters.ts';
import { ask as askFor, buildQuery, buildResponse, decodeReply, receive } from '../fixtures/dns/messages.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { startRig } from '../upstream/rig.ts';
import { createResolver, extendedErrorOf, failures, responses, TIMEOUT_MS, UpstreamDouble } from './harness.ts';

/** No reply. */
const NOTHING = new Uint8Array(0);

/** A reply that must be synchronous. */
function atOnce(reply: unknown): Uint8Array {
  assert.ok(reply instanceof Uint8Array, 'the reply is asynchronous');
  return reply;
}

/** A reply that must be asynchronous. */
async function later(reply: unknown): Promise<Uint8Array> {
  assert.ok(reply instanceof Promise, 'the reply is synchronous');
  return atOnce(await reply);
}

test('a first query goes upstream, a second is answered from the cache at once, with a reduced TTL', async () => {
  const upstream = new UpstreamDouble();
  const { ask, clock, counters } = createResolver(upstream);
  const first = decodeReply(await later(ask({ id: 1, name: 'www.Example.com' })));
  assert.deepEqual([first.id, first.rcode, first.questions?.[0]?.name], [1, 'NOERROR', 'www.Example.com']);
  clock.advance(100_000);
  const second = decodeReply(atOnce(ask({ id: 2, name: 'WWW.example.COM' })));
  assert.deepEqual([second.id, second.questions?.[0]?.name], [2, 'WWW.example.COM']);
  assert.deepEqual(
    second.answers?.map((record) => 'ttl' in record && record.ttl),
    [200],
  );
  assert.equal(upstream.queries.length, 1);
  assert.deepEqual(responses(counters), { 'NOERROR upstream': 1, 'NOERROR cache': 1 });
});

test('a forwarded query does not change when its buffer is reused for the next query', async () => {
  const upstream = new UpstreamDouble();
  const { handle, cache } = createResolver(upstream);
  const query = receive(buildQuery({ id: 7, name: 'a.example.com', edns: {} }));
  const scan = createQueryScanner();
  const promise = handle({ ...query, scan: scan(query.wire) });
  const next = buildQuery({ id: 8, name: 'b.example.net', type: 'AAAA' });
  query.wire.fill(0).set(next);
  scan(next);
  const reply = decodeReply(await later(promise));
  assert.deepEqual([reply.id, reply.questions?.[0]?.name, reply.answers?.length], [7, 'a.example.com', 1]);
  assert.equal(reply.additionals?.length, 1);
  assert.deepEqual(
    upstream.queries.map((sent) => decodeReply(sent).questions?.[0]?.name),
    ['a.example.com'],
  );
  assert.ok(cache.lookup(askFor({ name: 'a.example.com' })));
  assert.equal(cache.lookup(askFor({ name: 'b.example.net', type: 'AAAA' })), undefined);
});

test('conformance is checked before the cache', async () => {
  const upstream = new UpstreamDouble();
  const { ask } = createResolver(upstream);
  await later(ask({}));
  // RD=0, which would reveal other users' queries.
  assert.equal(decodeReply(atOnce(ask({ flags: 0 }))).rcode, 'REFUSED');
  assert.equal(decodeReply(atOnce(ask({ class: 'CH' }))).rcode, 'REFUSED');
  assert.equal(decodeReply(atOnce(ask({ type: 'AXFR' }))).rcode, 'REFUSED');
  assert.equal(upstream.queries.length, 1);
});

test('a message that must not be answered is dropped and counted by reason', () => {
  const upstream = new UpstreamDouble();
  const { handle, counters } = createResolver(upstream);
  assert.deepEqual(handle(receive(new Uint8Array(11))), NOTHING);
  const response = buildQuery();
  response[2] = 0x81;
  assert.deepEqual(handle(receive(response)), NOTHING);
  const drops = counters.totals.drops.entries().filter(({ count }) => count > 0);
  assert.deepEqual(
    drops.map(({ labels, count }) => [labels['reason'], count]),
    [
      ['response', 1],
      ['short', 1],
    ],
  );
  assert.equal(upstream.queries.length, 0);
});

test('special-use names and ANY are answered locally and never reach the upstream', () => {
  const upstream = new UpstreamDouble();
  const { ask, counters } = createResolver(upstream);
  const names = [
    'a.onion',
    'localhost',
    'printer.local',
    'x.test',
    'x.invalid',
    '1.168.192.in-addr.arpa',
    'x.internal',
    'nas.lan',
    'printer',
  ];
  for (const name of names) {
    for (const type of ['A', 'AAAA', 'TXT', 'PTR', 'ANY']) {
      assert.match(decodeReply(atOnce(ask({ name, type }))).rcode, /^(NXDOMAIN|NOERROR)$/);
    }
  }
  assert.equal(decodeReply(atOnce(ask({ type: 'ANY' }))).answers?.[0]?.type, 'HINFO');
  assert.equal(upstream.queries.length, 0);
  assert.ok(Object.keys(responses(counters)).every((key) => key.endsWith(' policy')));
});

const FAILED: readonly ErrorCode[] = [
  'ERR_TOR_UNREACHABLE',
  'ERR_TOR_HS_DESC_NOT_FOUND',
  'ERR_TLS_PIN',
  'ERR_UPSTREAM_CONNECTION',
  'ERR_QUEUE_FULL',
  'ERR_SHUTDOWN',
];

for (const code of FAILED) {
  test(`${code} is SERVFAIL; a client with EDNS also gets its EDE code and text`, async () => {
    const failing = new UpstreamDouble(() => Promise.reject(new Dns4torError(code, 'detail')));
    const { ask, counters } = createResolver(failing);
    const reply = await later(ask({ edns: {} }));
    assert.equal(decodeReply(reply).rcode, 'SERVFAIL');
    const { ede = 'other' } = failureKind(code);
    assert.deepEqual(extendedErrorOf(reply), { code: EDE[ede], text: failureText(code) });

    const plain = await later(ask({}));
    assert.equal(decodeReply(plain).rcode, 'SERVFAIL');
    assert.deepEqual(decodeReply(plain).additionals, []);
    assert.deepEqual(responses(counters), { 'SERVFAIL upstream': 2 });
    // Not cached: as soon as the upstream is back, there is an answer.
    assert.equal(failing.queries.length, 2);
  });
}

test("a resolver's own SERVFAIL and NXDOMAIN are passed on, and counted as what they are", async () => {
  const upstream = new UpstreamDouble(async () => buildResponse({ flags: 2 }));
  const { ask, counters, clock } = createResolver(upstream);
  assert.equal(decodeReply(await later(ask({}))).rcode, 'SERVFAIL');
  upstream.answer = async () => buildResponse({ flags: 3 });
  clock.advance(1000);
  assert.equal(decodeReply(await later(ask({}))).rcode, 'NXDOMAIN');
  assert.deepEqual(responses(counters), { 'SERVFAIL upstream': 1, 'NXDOMAIN upstream': 1 });
});

test('failures are counted by reason, also from the cache', async () => {
  for (const [reason, keptFrom, respond] of [
    ['response_failure', 1, async () => buildResponse({ flags: 2 })],
    ['doh_status', 3, () => Promise.reject(new Dns4torError('ERR_DOH_STATUS'))],
    ['response_malformed', 3, async () => new Uint8Array(20)],
  ] as const) {
    const upstream = new UpstreamDouble(respond);
    const { ask, counters } = createResolver(upstream);
    for (let asked = 0; asked < keptFrom; asked++) await later(ask({}));
    for (let again = 0; again < 3; again++) assert.equal(decodeReply(atOnce(ask({}))).rcode, 'SERVFAIL');
    assert.deepEqual(failures(counters), { [reason]: keptFrom + 3 });
    assert.equal(upstream.queries.length, keptFrom);
  }
});

test('answers, cached or fresh, are not counted as failures', async () => {
  const { ask, counters } = createResolver(new UpstreamDouble());
  await later(ask({}));
  atOnce(ask({}));
  assert.deepEqual(failures(counters), {});
});

test('a malformed response is SERVFAIL', async () => {
  const upstream = new UpstreamDouble(async (query) => query.subarray(0, 20));
  const reply = await later(createResolver(upstream).ask({ edns: {} }));
  assert.equal(decodeReply(reply).rcode, 'SERVFAIL');
  assert.equal(extendedErrorOf(reply)?.code, EDE.invalidData);
});

test('an upstream that never connects is SERVFAIL at the deadline, counted from arrival', async () => {
  const unreachable = { connect: () => () => new Promise<never>(() => {}) };
  await using first = await startRig(() => ({ body: new Uint8Array(0) }), unreachable);
  const { ask, clock } = createResolver(first.upstream, { clock: first.clock });
  clock.advance(5000);
  let reply: unknown;
  const replied = Promise.resolve(ask({ edns: {} })).then((bytes) => (reply = bytes));
  await clock.advanceAsync(TIMEOUT_MS - 1);
  assert.equal(reply, undefined);
  await clock.advanceAsync(1);
  await replied;
  assert.equal(decodeReply(atOnce(reply)).rcode, 'SERVFAIL');
  assert.equal(extendedErrorOf(atOnce(reply))?.text, failureText('ERR_TOR_TIMEOUT'));
  await clock.advanceAsync(TIMEOUT_MS);
  assert.equal(first.pendingTimers, 0);
});

test('time that a query waited before it was handled counts towards its deadline', async () => {
  const { handle, clock } = createResolver(new UpstreamDouble(() => new Promise(() => {})));
  const query = receive(buildQuery());
  clock.advance(4000);
  let reply: unknown;
  void Promise.resolve(handle(query)).then((bytes) => (reply = bytes));
  await clock.advanceAsync(TIMEOUT_MS - 4001);
  assert.equal(reply, undefined);
  await clock.advanceAsync(1);
  assert.equal(decodeReply(atOnce(reply)).rcode, 'SERVFAIL');
});

test('a defect in a step is SERVFAIL for one query and does not affect the next', async () => {
  const clock = new ManualClock();
  const cache = new Cache(
    { clock, random: { fraction: () => 0, bytes: () => new Uint8Array(0) }, metrics: createCounters([], 0) },
    { maxBytes: 0, maxStaleMs: 0 },
  );
  let defects = 1;
  const lookup = cache.lookup.bind(cache);
  cache.lookup = (query) => {
    if (defects-- > 0) throw new TypeError('a defect');
    return lookup(query);
  };
  const { ask, counters } = createResolver(new UpstreamDouble(), { clock, cache });
  const reply = atOnce(ask({ edns: {} }));
  assert.equal(decodeReply(reply).rcode, 'SERVFAIL');
  assert.equal(extendedErrorOf(reply)?.text, failureText('ERR_INTERNAL'));
  assert.equal(decodeReply(await later(ask({}))).rcode, 'NOERROR');
  assert.deepEqual(responses(counters), { 'SERVFAIL policy': 1, 'NOERROR upstream': 1 });
});

test('a defect that prevents even SERVFAIL is a counted drop, before and after upstream', async () => {
  const counters = createCounters([], 0);
  counters.answered = () => {
    throw new TypeError('a defect');
  };
  const { ask } = createResolver(new UpstreamDouble(), { counters });
  assert.deepEqual(ask({ name: 'a.onion' }), NOTHING);
  assert.deepEqual(await ask({}), NOTHING);
  const failed = counters.totals.drops.entries().find(({ labels }) => labels['reason'] === 'handler_failed');
  assert.equal(failed?.count, 2);
});

test('an answer too large for a datagram is truncated over UDP and complete over TCP', async () => {
  const data = Array.from({ length: 20 }, () => Buffer.alloc(100, 'x'));
  const upstream = new UpstreamDouble(async () =>
    buildResponse({ type: 'TXT', answers: [{ type: 'TXT', name: 'example.com', ttl: 300, data }] }),
  );
  const { ask } = createResolver(upstream);
  const overUdp = await later(ask({ type: 'TXT' }));
  assert.equal(decodeReply(overUdp).flag_tc, true);
  assert.ok(overUdp.length <= 512);
  const overTcp = atOnce(ask({ type: 'TXT' }, 'tcp'));
  assert.equal(decodeReply(overTcp).flag_tc, false);
  assert.equal(decodeReply(overTcp).answers?.length, 1);
});
