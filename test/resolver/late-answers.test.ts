import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Dns4torError } from '../../src/failures/errors.ts';
import { ask, decodeReply } from '../fixtures/dns/messages.ts';
import {
  answerTo,
  createResolver,
  extendedErrorOf,
  LIMITS,
  type Resolver,
  TIMEOUT_MS,
  UpstreamDouble,
} from './harness.ts';

/** An exchange that ends on command. */
interface Attempt {
  readonly answer: () => void;
  readonly fail: (error: Error) => void;
}

function createLate(): {
  readonly resolver: Resolver;
  readonly upstream: UpstreamDouble;
  readonly attempts: Attempt[];
} {
  const attempts: Attempt[] = [];
  const upstream = new UpstreamDouble((query) => {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    attempts.push({ answer: () => resolve(answerTo(query)), fail: reject });
    return promise;
  });
  return { resolver: createResolver(upstream), upstream, attempts };
}

/** The RCODE of the reply so far, if any. */
function outcome(reply: unknown): { readonly rcode: string | undefined } {
  const state: { rcode: string | undefined } = { rcode: undefined };
  void Promise.resolve(reply).then((bytes) => (state.rcode = decodeReply(bytes as Uint8Array).rcode));
  return state;
}

test('an answer after the client’s timeout is in the cache for the next try', async () => {
  const { resolver, upstream, attempts } = createLate();
  const reply = resolver.ask({ edns: {} });
  await resolver.clock.advanceAsync(TIMEOUT_MS);
  assert.equal(decodeReply(await reply).rcode, 'SERVFAIL');
  assert.equal(extendedErrorOf(await reply)?.code, 23);
  attempts[0]?.answer();
  await setImmediate();
  assert.equal(decodeReply(resolver.ask({}) as Uint8Array).rcode, 'NOERROR');
  assert.equal(upstream.queries.length, 1);
});

test('a client that joins has its own deadline, which the first client’s does not shorten', async () => {
  const { resolver, upstream, attempts } = createLate();
  const first = outcome(resolver.ask({}));
  await resolver.clock.advanceAsync(TIMEOUT_MS - 1);
  const second = outcome(resolver.ask({}));
  const third = outcome(resolver.ask({}));
  await resolver.clock.advanceAsync(1);
  assert.deepEqual([first.rcode, second.rcode, third.rcode], ['SERVFAIL', undefined, undefined]);
  attempts[0]?.answer();
  await setImmediate();
  assert.deepEqual([second.rcode, third.rcode], ['NOERROR', 'NOERROR']);
  assert.equal(upstream.queries.length, 1);
});

test('a client that joins waits no longer than its own deadline', async () => {
  const { resolver } = createLate();
  void resolver.ask({});
  await resolver.clock.advanceAsync(TIMEOUT_MS / 2);
  const second = outcome(resolver.ask({}));
  await resolver.clock.advanceAsync(TIMEOUT_MS - 1);
  assert.equal(second.rcode, undefined);
  await resolver.clock.advanceAsync(1);
  assert.equal(second.rcode, 'SERVFAIL');
});

test('a client’s timeout is not a failure: one is cached only when the attempt itself ends', async () => {
  const { resolver } = createLate();
  void resolver.ask({});
  await resolver.clock.advanceAsync(TIMEOUT_MS);
  assert.deepEqual(resolver.cache.entries, { success: 0, denial: 0 });
  await resolver.clock.advanceAsync(TIMEOUT_MS);
  // RFC 9520 §3.2: it is cached for a second.
  assert.deepEqual(resolver.cache.entries, { success: 0, denial: 1 });
  assert.equal(extendedErrorOf(resolver.ask({ edns: {} }) as Uint8Array)?.code, 13);
  assert.equal(resolver.clock.pendingTimers, 0);
});

test('a question that was sent long ago is sent again for the next client, and either attempt can answer it', async () => {
  for (const answering of [0, 1]) {
    const { resolver, upstream, attempts } = createLate();
    void resolver.ask({});
    await resolver.clock.advanceAsync(TIMEOUT_MS);
    const replies = [outcome(resolver.ask({})), outcome(resolver.ask({}))];
    assert.equal(upstream.queries.length, 2);
    attempts[answering]?.answer();
    await setImmediate();
    assert.deepEqual(
      replies.map(({ rcode }) => rcode),
      ['NOERROR', 'NOERROR'],
    );
  }
});

test('the failure of one attempt has no effect while another continues', async () => {
  const { resolver, attempts } = createLate();
  void resolver.ask({});
  await resolver.clock.advanceAsync(TIMEOUT_MS);
  const reply = outcome(resolver.ask({}));
  attempts[0]?.fail(new Dns4torError('ERR_UPSTREAM_CONNECTION'));
  await setImmediate();
  assert.equal(reply.rcode, undefined);
  attempts[1]?.fail(new Dns4torError('ERR_UPSTREAM_CONNECTION'));
  await setImmediate();
  assert.equal(reply.rcode, 'SERVFAIL');
});

test('questions without a waiting client are given up for others, oldest first', async () => {
  const { resolver, upstream } = createLate();
  const { clock, handle } = resolver;
  const { maxInFlight, maxInFlightPerClient } = LIMITS;
  const askAll = (client: string): void => {
    for (let i = 0; i < maxInFlightPerClient; i++) {
      void handle({ ...ask({ name: `${i}.${client}.example` }), client, arrivedAt: clock.now() });
    }
  };
  assert.equal(maxInFlight, 2 * maxInFlightPerClient);
  askAll('early');
  await clock.advanceAsync(TIMEOUT_MS);
  askAll('late');
  const given = (): number => upstream.deadlines.filter(({ expired }) => expired).length;
  assert.equal(given(), 0);

  const reply = outcome(handle({ ...ask({ name: 'one-more.example' }), arrivedAt: clock.now() }));
  assert.deepEqual([given(), upstream.deadlines[0]?.expired], [1, true]);
  await setImmediate();
  assert.equal(reply.rcode, undefined);
  assert.equal(upstream.queries.length, maxInFlight + 1);
});

test('a question that was given up is not cached as a failure', async () => {
  const { resolver, upstream } = createLate();
  const { clock, cache, handle } = resolver;
  const { maxInFlight } = LIMITS;
  const asks = (i: number): void => {
    void handle({ ...ask({ name: `${i}.example` }), client: `client ${i}`, arrivedAt: clock.now() });
  };
  for (let i = 0; i < maxInFlight; i++) asks(i);
  await clock.advanceAsync(TIMEOUT_MS);
  const entries = cache.entries;
  asks(maxInFlight);
  await setImmediate();
  assert.equal(upstream.deadlines[0]?.isGivenUp, true);
  assert.deepEqual(cache.entries, entries);
  const before = upstream.queries.length;
  asks(0);
  assert.equal(upstream.queries.length, before + 1);
});

test('a client that got an expired answer releases its slot', async () => {
  const { resolver, upstream, attempts } = createLate();
  const names = Array.from({ length: LIMITS.maxInFlightPerClient }, (_, i) => `n${i}.example`);
  for (const name of names) void resolver.ask({ name });
  for (const { answer } of attempts) answer();
  await setImmediate();
  resolver.clock.advance(300_000);
  for (const name of names) void resolver.ask({ name });
  await resolver.clock.advanceAsync(1800);
  const before = upstream.queries.length;
  void resolver.ask({ name: 'one-more.example' });
  assert.equal(upstream.queries.length, before + 1);
});
