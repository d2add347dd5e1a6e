import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Dns4torError } from '../../src/failures/errors.ts';
import { RetryBudget } from '../../src/upstream/pool/retry-budget.ts';
import { buildResponse, decodeReply, type QuerySpec, ask as receive } from '../fixtures/dns/messages.ts';
import { answerTo, createResolver, LIMITS, type Resolver, type ResolverOptions, UpstreamDouble } from './harness.ts';

/** The TTL of answers from `answerTo`. */
const TTL_MS = 300_000;

/** Refresh time with the harness's random fraction 0.5: halfway between a twentieth and a tenth before the end. */
const DUE_MS = TTL_MS * 0.925;

/** Caches an answer that was looked up twice, so that the next hit starts a refresh. */
async function createDue(
  options: ResolverOptions = {},
): Promise<{ readonly resolver: Resolver; readonly upstream: UpstreamDouble }> {
  const upstream = new UpstreamDouble();
  const resolver = createResolver(upstream, options);
  await resolver.ask({});
  void resolver.ask({});
  resolver.clock.advance(DUE_MS);
  return { resolver, upstream };
}

/** Answers on command. */
function hold(upstream: UpstreamDouble): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  upstream.answer = async (query) => {
    await promise;
    return answerTo(query);
  };
  return resolve;
}

function ttlOf(reply: unknown): number | undefined {
  const [record] = decodeReply(reply as Uint8Array).answers ?? [];
  return record !== undefined && 'ttl' in record ? record.ttl : undefined;
}

function prefetches({ counters }: Resolver): Record<string, number> {
  return Object.fromEntries(
    counters.totals.prefetches.entries().map(({ labels, count }) => [labels['event'] ?? '', count]),
  );
}

test('a hit on an answer in use that is about to expire is answered at once and starts a refresh', async () => {
  const { resolver, upstream } = await createDue();
  assert.equal(ttlOf(resolver.ask({})), 23);
  assert.equal(upstream.queries.length, 2);
  assert.deepEqual(upstream.queries[1], upstream.queries[0]);
  await setImmediate();
  assert.equal(ttlOf(resolver.ask({})), 300);
  assert.deepEqual(prefetches(resolver), { sent: 1, answered: 1, failed: 0, useful: 1, wasted: 0 });
});

test('before the refresh time nothing is refreshed', async () => {
  const { resolver, upstream } = await createDue();
  await setImmediate();
  assert.equal(upstream.queries.length, 1);
  assert.deepEqual(prefetches(resolver), { sent: 0, answered: 0, failed: 0, useful: 0, wasted: 0 });
});

test('an answer is refreshed once, for any number of hits and any budget', async () => {
  const budget = new RetryBudget();
  const { resolver, upstream } = await createDue({ budget });
  for (let i = 0; i < 50; i++) budget.earn();
  hold(upstream);
  for (let i = 0; i < 10; i++) void resolver.ask({});
  assert.equal(upstream.queries.length, 2);
  assert.equal(prefetches(resolver)['sent'], 1);
});

test('a refresh is stored for the query that started it, whose buffer is reused meanwhile', async () => {
  const { resolver } = await createDue();
  const query = { ...receive(), arrivedAt: resolver.clock.now() };
  void resolver.handle(query);
  // Now with CD, which selects another answer.
  query.wire.set([0x01, 0x10], 2);
  await setImmediate();
  assert.equal(ttlOf(resolver.ask({})), 300);
});

test('a failed refresh leaves the answer fresh until it expires, then the question is sent again', async () => {
  for (const code of ['ERR_DOH_STATUS', 'ERR_TOR_UNREACHABLE'] as const) {
    const { resolver, upstream } = await createDue();
    upstream.answer = () => Promise.reject(new Dns4torError(code));
    void resolver.ask({});
    await setImmediate();
    assert.equal(ttlOf(resolver.ask({})), 23);
    assert.equal(upstream.queries.length, 2);
    assert.deepEqual(prefetches(resolver), { sent: 1, answered: 0, failed: 1, useful: 0, wasted: 0 });
    upstream.answer = async (query) => answerTo(query);
    resolver.clock.advance(TTL_MS - DUE_MS);
    assert.equal(ttlOf(await resolver.ask({})), 300);
    assert.equal(upstream.queries.length, 3);
  }
});

test('a refresh that is answered with a failure also leaves the answer', async () => {
  const { resolver, upstream } = await createDue();
  upstream.answer = async () => buildResponse({ flags: 2 });
  void resolver.ask({});
  await setImmediate();
  assert.equal(ttlOf(resolver.ask({})), 23);
  assert.deepEqual(prefetches(resolver), { sent: 1, answered: 0, failed: 1, useful: 0, wasted: 0 });
});

test('a client that finds the answer expired during its refresh waits for the refresh', async () => {
  const { resolver, upstream } = await createDue();
  resolver.clock.advance(TTL_MS - DUE_MS - 1000);
  const release = hold(upstream);
  void resolver.ask({});
  await resolver.clock.advanceAsync(1000);
  const reply = resolver.ask({});
  release();
  assert.equal(ttlOf(await reply), 300);
  assert.equal(upstream.queries.length, 2);
});

test('each variant is refreshed for itself', async () => {
  const CD = 0x0110;
  const spec: QuerySpec = { flags: CD, edns: { dnssecOk: true } };
  const upstream = new UpstreamDouble();
  const resolver = createResolver(upstream);
  await resolver.ask(spec);
  void resolver.ask(spec);
  resolver.clock.advance(DUE_MS);
  void resolver.ask(spec);
  assert.equal(upstream.queries.length, 2);
  assert.deepEqual(upstream.queries[1], upstream.queries[0]);
});

test('without budget nothing is refreshed, and with budget later it is', async () => {
  const budget = new RetryBudget();
  const { resolver, upstream } = await createDue({ budget });
  while (budget.spend());
  void resolver.ask({});
  assert.equal(upstream.queries.length, 1);
  for (let i = 0; i < 5; i++) budget.earn();
  void resolver.ask({});
  assert.equal(upstream.queries.length, 2);
  assert.equal(budget.spend(), false);
});

test('refreshes earn no budget, and questions of clients do', async () => {
  const budget = new RetryBudget();
  const { resolver } = await createDue({ budget });
  while (budget.spend());
  for (let i = 0; i < 5; i++) await resolver.ask({ name: `n${i}.example` });
  // These five pay for one refresh. A second would be possible if the first had earned budget.
  void resolver.ask({});
  assert.equal(prefetches(resolver)['sent'], 1);
  for (let i = 0; i < 3; i++) await resolver.ask({ name: `m${i}.example` });
  assert.equal(budget.spend(), false);
});

test('at the limit of questions in flight, nothing is refreshed', async () => {
  const { resolver, upstream } = await createDue();
  upstream.answer = () => new Promise(() => {});
  for (let i = 0; i < LIMITS.maxInFlight; i++) {
    const client = `client ${i}`;
    void resolver.handle({ ...receive({ name: `n${i}.example` }), client, arrivedAt: resolver.clock.now() });
  }
  const before = upstream.queries.length;
  void resolver.ask({});
  assert.equal(upstream.queries.length, before);
  assert.equal(prefetches(resolver)['sent'], 0);
});

test('if prefetch is off, nothing is refreshed', async () => {
  const { resolver, upstream } = await createDue({ init: { prefetch: false } });
  void resolver.ask({});
  assert.equal(upstream.queries.length, 1);
});

test('with client isolation, a refresh belongs to the client that started it', async () => {
  const { resolver, upstream } = await createDue({ clientOf: async ({ client }) => `client ${client}` });
  void resolver.handle({ ...receive(), client: 'bob', arrivedAt: resolver.clock.now() });
  await setImmediate();
  assert.equal(upstream.clients.length, 2);
  assert.equal(upstream.clients[1], 'client bob');
  assert.equal(ttlOf(resolver.ask({})), 300);
});

test('an error in identifying the client fails only the refresh', async () => {
  let broken = false;
  const { resolver } = await createDue({
    async clientOf({ client }) {
      if (broken) throw new TypeError('a defect');
      return client;
    },
  });
  broken = true;
  assert.equal(ttlOf(resolver.ask({})), 23);
  await setImmediate();
  assert.deepEqual(prefetches(resolver), { sent: 1, answered: 0, failed: 1, useful: 0, wasted: 0 });
});

test('a refresh counts as useful once, if its answer is looked up before it expires', async () => {
  const { resolver } = await createDue();
  void resolver.ask({});
  await setImmediate();
  assert.deepEqual(prefetches(resolver), { sent: 1, answered: 1, failed: 0, useful: 0, wasted: 0 });
  resolver.clock.advance(TTL_MS - 1);
  for (let i = 0; i < 3; i++) void resolver.ask({});
  assert.deepEqual(prefetches(resolver), { sent: 1, answered: 1, failed: 0, useful: 1, wasted: 0 });
});

test('a refresh counts as wasted if its answer is not looked up before it expires', async () => {
  const { resolver } = await createDue();
  void resolver.ask({});
  await setImmediate();
  resolver.clock.advance(TTL_MS);
  await resolver.ask({});
  await resolver.ask({});
  assert.deepEqual(prefetches(resolver), { sent: 1, answered: 1, failed: 0, useful: 0, wasted: 1 });
});

test('a refresh that a client waits for counts as useful only once', async () => {
  const { resolver, upstream } = await createDue();
  resolver.clock.advance(TTL_MS - DUE_MS - 1000);
  const release = hold(upstream);
  void resolver.ask({});
  await resolver.clock.advanceAsync(1000);
  const reply = resolver.ask({});
  release();
  await reply;
  void resolver.ask({});
  assert.deepEqual(prefetches(resolver), { sent: 1, answered: 1, failed: 0, useful: 1, wasted: 0 });
});
