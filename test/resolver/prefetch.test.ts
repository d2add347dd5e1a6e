import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { Dns4torError } from '../../src/failures/errors.ts';
import { RetryBudget } from '../../src/upstream/pool/retry-budget.ts';
import { ask as receive, buildResponse, decodeReply, type QuerySpec } from '../fixtures/messages.ts';
import { answerTo, createResolver, LIMITS, type Resolver, type ResolverOptions, UpstreamDouble } from './harness.ts';

/** The TTL of what `answerTo` answers. */
const TTL_MS = 300_000;

/** When the harness's chance, 0.5, has such an answer refreshed: halfway between a twentieth and a tenth of its lifetime before its end. */
const DUE_MS = TTL_MS * 0.925;

/** An answer that was asked for twice and is due for a refresh at the next hit. */
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

/** Answers when it is told to. */
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

test('a hit on what is in use and about to expire is answered at once, and has it refreshed', async () => {
  const { resolver, upstream } = await createDue();
  assert.equal(ttlOf(resolver.ask({})), 23);
  assert.equal(upstream.queries.length, 2);
  assert.deepEqual(upstream.queries[1], upstream.queries[0]);
  await setImmediate();
  assert.equal(ttlOf(resolver.ask({})), 300);
  assert.deepEqual(prefetches(resolver), { sent: 1, answered: 1, failed: 0, useful: 1, wasted: 0 });
});

test('before that moment nothing is refreshed', async () => {
  const { resolver, upstream } = await createDue();
  await setImmediate();
  assert.equal(upstream.queries.length, 1);
  assert.deepEqual(prefetches(resolver), { sent: 0, answered: 0, failed: 0, useful: 0, wasted: 0 });
});

test('it is refreshed once, however often it is asked for meanwhile and the budget would allow', async () => {
  const budget = new RetryBudget();
  const { resolver, upstream } = await createDue({ budget });
  for (let i = 0; i < 50; i++) budget.earn();
  hold(upstream);
  for (let i = 0; i < 10; i++) void resolver.ask({});
  assert.equal(upstream.queries.length, 2);
  assert.equal(prefetches(resolver)['sent'], 1);
});

test('a refresh is kept for the query that began it, whose bytes are the next one’s by then', async () => {
  const { resolver } = await createDue();
  const query = { ...receive(), arrivedAt: resolver.clock.now() };
  void resolver.handle(query);
  // Now with CD, which has an answer of its own.
  query.wire.set([0x01, 0x10], 2);
  await setImmediate();
  assert.equal(ttlOf(resolver.ask({})), 300);
});

test('a refresh that fails leaves the answer as it is: fresh until its end, then asked for anew', async () => {
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

test('a refresh whose answer is a failure leaves the answer too', async () => {
  const { resolver, upstream } = await createDue();
  upstream.answer = async () => buildResponse({ flags: 2 });
  void resolver.ask({});
  await setImmediate();
  assert.equal(ttlOf(resolver.ask({})), 23);
  assert.deepEqual(prefetches(resolver), { sent: 1, answered: 0, failed: 1, useful: 0, wasted: 0 });
});

test('a client that finds it expired while it is refreshed waits for that refresh', async () => {
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

test('without the budget for it nothing is refreshed, and with it later it is', async () => {
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

test('what is asked for the cache’s sake earns no budget, and what a client waits for does', async () => {
  const budget = new RetryBudget();
  const { resolver } = await createDue({ budget });
  while (budget.spend());
  for (let i = 0; i < 5; i++) await resolver.ask({ name: `n${i}.example` });
  // One refresh is paid for by these five, and a second would be if it had earned.
  void resolver.ask({});
  assert.equal(prefetches(resolver)['sent'], 1);
  for (let i = 0; i < 3; i++) await resolver.ask({ name: `m${i}.example` });
  assert.equal(budget.spend(), false);
});

test('where as many questions are being asked as may be, nothing is refreshed', async () => {
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

test('where it is turned off, nothing is refreshed', async () => {
  const { resolver, upstream } = await createDue({ init: { prefetch: false } });
  void resolver.ask({});
  assert.equal(upstream.queries.length, 1);
});

test('where clients are kept apart, a refresh is the query of the client that brought it about', async () => {
  const { resolver, upstream } = await createDue({ clientOf: async ({ client }) => `client ${client}` });
  void resolver.handle({ ...receive(), client: 'bob', arrivedAt: resolver.clock.now() });
  await setImmediate();
  assert.equal(upstream.clients.length, 2);
  assert.equal(upstream.clients[1], 'client bob');
  assert.equal(ttlOf(resolver.ask({})), 300);
});

test('a defect in finding out who a client is fails the refresh and nothing else', async () => {
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

test('a refresh is useful once, when somebody asks for its answer before that expires', async () => {
  const { resolver } = await createDue();
  void resolver.ask({});
  await setImmediate();
  assert.deepEqual(prefetches(resolver), { sent: 1, answered: 1, failed: 0, useful: 0, wasted: 0 });
  resolver.clock.advance(TTL_MS - 1);
  for (let i = 0; i < 3; i++) void resolver.ask({});
  assert.deepEqual(prefetches(resolver), { sent: 1, answered: 1, failed: 0, useful: 1, wasted: 0 });
});

test('a refresh is wasted when nobody asks for its answer before that expires', async () => {
  const { resolver } = await createDue();
  void resolver.ask({});
  await setImmediate();
  resolver.clock.advance(TTL_MS);
  await resolver.ask({});
  await resolver.ask({});
  assert.deepEqual(prefetches(resolver), { sent: 1, answered: 1, failed: 0, useful: 0, wasted: 1 });
});

test('a refresh for which a client waits is useful, and not once more when it is asked for again', async () => {
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
