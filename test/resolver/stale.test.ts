import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Dns4torError } from '../../src/failures/errors.ts';
import { failureText } from '../../src/failures/failures.ts';
import { buildResponse, decodeReply, soaRecord } from '../fixtures/dns/messages.ts';
import {
  answerTo,
  createResolver,
  extendedErrorOf,
  MAX_STALE_MS,
  type Resolver,
  type ResolverOptions,
  UpstreamDouble,
} from './harness.ts';

/** The TTL of answers from `answerTo`. */
const TTL_MS = 300_000;

async function expired(options: ResolverOptions = {}): Promise<{ resolver: Resolver; upstream: UpstreamDouble }> {
  const upstream = new UpstreamDouble();
  const resolver = createResolver(upstream, options);
  await resolver.ask({});
  resolver.clock.advance(TTL_MS);
  return { resolver, upstream };
}

function ttlOf(reply: Uint8Array): number | undefined {
  const [record] = decodeReply(reply).answers ?? [];
  return record !== undefined && 'ttl' in record ? record.ttl : undefined;
}

function staleCounts({ counters }: Resolver): Record<string, number> {
  return Object.fromEntries(
    counters.totals.stale.entries().map(({ labels, count }) => [labels['reason'] ?? '', count]),
  );
}

test('RFC 8767 §4: if the upstream is unreachable, an expired answer is served with TTL 30 and EDE 3', async () => {
  const { resolver, upstream } = await expired();
  upstream.answer = () => Promise.reject(new Dns4torError('ERR_TOR_UNREACHABLE'));
  const reply = await resolver.ask({ edns: {} });
  assert.equal(decodeReply(reply).rcode, 'NOERROR');
  assert.equal(ttlOf(reply), 30);
  assert.equal(extendedErrorOf(reply)?.code, 3);
  assert.equal(extendedErrorOf(reply)?.text, failureText('ERR_TOR_UNREACHABLE'));
  assert.deepEqual(staleCounts(resolver), { slow: 0, failed: 1 });
});

test('RFC 8767 §5: a client waits 1.8 s for a fresh answer, then gets the expired one; a later fresh one is cached', async () => {
  const { resolver, upstream } = await expired();
  const { promise, resolve } = Promise.withResolvers<void>();
  upstream.answer = async (query) => {
    await promise;
    return answerTo(query);
  };
  const reply = resolver.ask({ edns: {} });
  await resolver.clock.advanceAsync(1799);
  assert.equal(staleCounts(resolver)['slow'], 0);
  await resolver.clock.advanceAsync(1);
  assert.equal(ttlOf(await reply), 30);
  assert.equal(extendedErrorOf(await reply)?.code, 3);

  resolve();
  await setImmediate();
  const next = resolver.ask({}) as Uint8Array;
  assert.equal(ttlOf(next), 300);
  assert.equal(upstream.queries.length, 2);
});

test('a client waits no longer than its deadline for a fresh answer, if that is earlier', async () => {
  const { resolver, upstream } = await expired({ init: { timeoutMs: 500 } });
  upstream.answer = () => new Promise(() => {});
  const reply = resolver.ask({});
  await resolver.clock.advanceAsync(500);
  assert.equal(ttlOf(await reply), 30);
});

test('a fresh answer in time is served instead of a stale one', async () => {
  const { resolver } = await expired();
  assert.equal(ttlOf(await resolver.ask({})), 300);
  assert.deepEqual(staleCounts(resolver), { slow: 0, failed: 0 });
});

test('RFC 8767 §5: after a failure the question is not sent again for half a minute', async () => {
  const { resolver, upstream } = await expired();
  upstream.answer = () => Promise.reject(new Dns4torError('ERR_DOH_STATUS'));
  await resolver.ask({});
  const again = resolver.ask({}) as Uint8Array;
  assert.equal(ttlOf(again), 30);
  assert.equal(upstream.queries.length, 2);
  resolver.clock.advance(30_000);
  await resolver.ask({});
  assert.equal(upstream.queries.length, 3);
});

test('RFC 8767 §5: beyond the maximum stale time, an expired answer is not served', async () => {
  const { resolver, upstream } = await expired();
  upstream.answer = () => Promise.reject(new Dns4torError('ERR_TOR_UNREACHABLE'));
  resolver.clock.advance(MAX_STALE_MS - 1);
  assert.equal(decodeReply(await resolver.ask({})).rcode, 'NOERROR');
  resolver.clock.advance(1);
  assert.equal(decodeReply(await resolver.ask({})).rcode, 'SERVFAIL');
});

test('RFC 8914 §4.20: an expired NXDOMAIN has EDE 19', async () => {
  const denial = buildResponse({ flags: 3, authorities: [soaRecord('com', 60, 60)] });
  const upstream = new UpstreamDouble(async () => denial);
  const resolver = createResolver(upstream);
  await resolver.ask({});
  resolver.clock.advance(60_000);
  upstream.answer = () => Promise.reject(new Dns4torError('ERR_TOR_UNREACHABLE'));
  const reply = await resolver.ask({ edns: {} });
  assert.equal(decodeReply(reply).rcode, 'NXDOMAIN');
  assert.equal(extendedErrorOf(reply)?.code, 19);
});

test('RFC 8767 §6: an expired answer is served instead of a fresh failure', async () => {
  const { resolver, upstream } = await expired();
  upstream.answer = async () => buildResponse({ flags: 2 });
  const reply = await resolver.ask({});
  assert.equal(decodeReply(reply).rcode, 'NOERROR');
  assert.equal(ttlOf(reply), 30);
});

test('sleep of the machine reduces TTLs, and an answer that expired meanwhile is fetched again', async () => {
  const upstream = new UpstreamDouble();
  const resolver = createResolver(upstream);
  await resolver.ask({});
  resolver.cache.slept(100_000);
  assert.equal(ttlOf(await resolver.ask({})), 200);
  resolver.cache.slept(200_000);
  assert.equal(ttlOf(await resolver.ask({})), 300);
  assert.equal(upstream.queries.length, 2);
});
