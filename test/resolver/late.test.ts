import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { Dns4torError } from '../../src/failures/errors.ts';
import { ask, decodeReply } from '../fixtures/messages.ts';
import {
  answerTo,
  createResolver,
  extendedErrorOf,
  LIMITS,
  type Resolver,
  TIMEOUT_MS,
  UpstreamDouble,
} from './harness.ts';

/** An attempt to answer one query, which ends as it is told to. */
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

/** What has come of a query so far: an RCODE, or nothing. */
function outcome(reply: unknown): { readonly rcode: string | undefined } {
  const state: { rcode: string | undefined } = { rcode: undefined };
  void Promise.resolve(reply).then((bytes) => (state.rcode = decodeReply(bytes as Uint8Array).rcode));
  return state;
}

test('an answer that comes after its client has given up is in the cache for the next try', async () => {
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

test('who joins has a time of its own, and the first client’s end is not its end', async () => {
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

test('who joins waits no longer than its own time either', async () => {
  const { resolver } = createLate();
  void resolver.ask({});
  await resolver.clock.advanceAsync(TIMEOUT_MS / 2);
  const second = outcome(resolver.ask({}));
  await resolver.clock.advanceAsync(TIMEOUT_MS - 1);
  assert.equal(second.rcode, undefined);
  await resolver.clock.advanceAsync(1);
  assert.equal(second.rcode, 'SERVFAIL');
});

test('a client’s end is no failure of the question: it is kept as one only when the attempt itself has ended', async () => {
  const { resolver } = createLate();
  void resolver.ask({});
  await resolver.clock.advanceAsync(TIMEOUT_MS);
  assert.deepEqual(resolver.cache.entries, { success: 0, denial: 0 });
  await resolver.clock.advanceAsync(TIMEOUT_MS);
  // RFC 9520 §3.2: for a second it is given again.
  assert.deepEqual(resolver.cache.entries, { success: 0, denial: 1 });
  assert.equal(extendedErrorOf(resolver.ask({ edns: {} }) as Uint8Array)?.code, 13);
  assert.equal(resolver.clock.pendingTimers, 0);
});

test('a question that was sent long ago is sent once more when it is asked again, and either attempt can answer it', async () => {
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

test('of two attempts, the failure of one is nothing while the other goes on', async () => {
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

test('questions that nobody waits for give way to those that somebody does, the oldest first', async () => {
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

test('a question that was given up for another one is not remembered as a failure', async () => {
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

test('a client that got an expired answer waits no more, and its place is free', async () => {
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
