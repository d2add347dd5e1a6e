import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { Dns4torError } from '../../src/lib/errors.ts';
import type { Connect } from '../../src/upstream/connections.ts';
import { dropConnection, neverAnswer } from '../fixtures/doh-behaviours.ts';
import type { DohBehaviour } from '../fixtures/recording-doh-server.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import { answer, answerTo, outcomes, queryFor, startRig } from './rig.ts';

/** What MAX_WAITING is in connections.ts. */
const QUEUE_BOUND = 1024;
/** What MAX_STREAMS is in session.ts. */
const STREAMS = 100;

const codeOf = (result: PromiseSettledResult<unknown>): string =>
  result.status === 'fulfilled' ? 'ok' : (result.reason as Dns4torError).code;

/** How many came to each outcome. */
function tally(results: readonly PromiseSettledResult<unknown>[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const result of results) counts[codeOf(result)] = (counts[codeOf(result)] ?? 0) + 1;
  return counts;
}

/** Answers when it is told to. */
function heldBack(): { behaviour: DohBehaviour; release: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const behaviour: DohBehaviour = async ({ query }) => {
    await promise;
    return { body: answerTo(query) };
  };
  return { behaviour, release: resolve };
}

/** Fails every connection until it is mended. */
function failing(code: Dns4torError['code']): { attempts: number; broken: boolean; wrap: (plain: Connect) => Connect } {
  const state = {
    attempts: 0,
    broken: true,
    wrap: (plain: Connect): Connect => {
      return () => {
        state.attempts++;
        return state.broken ? Promise.reject(new Dns4torError(code)) : plain();
      };
    },
  };
  return state;
}

test('200 queries at once share the connections that are allowed, with at most 100 streams on each', async () => {
  const { behaviour, release } = heldBack();
  await using rig = await startRig(behaviour, { maxConnections: 2 });
  const asked = Array.from({ length: 250 }, (_, i) => rig.ask(`n${i}.test`));
  await waitUntil('200 requests reach the server', 5000, () => rig.server.requests.length === 2 * STREAMS);
  assert.equal(rig.upstream.queueDepth, 250);
  assert.equal(rig.upstream.openConnections, 2);
  const perConnection = [0, 1].map((n) => rig.server.requests.filter(({ connection }) => connection === n).length);
  assert.deepEqual(perConnection, [STREAMS, STREAMS]);
  release();
  assert.deepEqual(tally(await Promise.allSettled(asked)), { ok: 250 });
  assert.equal(rig.server.connections, 2);
  assert.equal(rig.upstream.queueDepth, 0);
});

test('a second connection is opened only when the streams of the first are taken', async () => {
  await using rig = await startRig(answer);
  for (let i = 0; i < 3; i++) await Promise.all(Array.from({ length: STREAMS }, (_, n) => rig.ask(`n${n}.test`)));
  assert.equal(rig.server.connections, 1);
});

test('a server that allows ten streams at a time answers fifty queries', async () => {
  await using rig = await startRig(answer, { maxConnections: 1, maxConcurrentStreams: 10 });
  const asked = Array.from({ length: 50 }, (_, i) => rig.ask(`n${i}.test`));
  assert.deepEqual(tally(await Promise.allSettled(asked)), { ok: 50 });
});

test('a thousand queries while nothing can be reached cost one attempt, and all are refused with its reason', async () => {
  const connect = failing('ERR_TOR_HS_DESC_NOT_FOUND');
  await using rig = await startRig(answer, { connect: connect.wrap });
  const first = await Promise.allSettled(Array.from({ length: 1000 }, (_, i) => rig.ask(`n${i}.test`)));
  assert.deepEqual(tally(first), { ERR_TOR_HS_DESC_NOT_FOUND: 1000 });
  const later = await Promise.allSettled(Array.from({ length: 1000 }, (_, i) => rig.ask(`n${i}.test`)));
  assert.deepEqual(tally(later), { ERR_TOR_HS_DESC_NOT_FOUND: 1000 });
  assert.equal(connect.attempts, 1);
});

test('one attempt is made per pause, pauses grow, and the first query after the resolver is back is answered', async () => {
  const connect = failing('ERR_TOR_TIMEOUT');
  await using rig = await startRig(answer, { connect: connect.wrap });
  for (const [attempt, pauseMs] of [250, 500, 1000, 2000].entries()) {
    await assert.rejects(rig.ask('one.test'), { code: 'ERR_TOR_TIMEOUT' });
    rig.clock.advance(pauseMs - 1);
    await assert.rejects(rig.ask('two.test'), { code: 'ERR_TOR_TIMEOUT' });
    assert.equal(connect.attempts, attempt + 1);
    rig.clock.advance(1);
  }
  connect.broken = false;
  await rig.ask('three.test');
  assert.deepEqual(
    rig.events.map(({ code, pauseMs }) => `${code} ${pauseMs}`),
    ['ERR_TOR_TIMEOUT 250', 'ERR_TOR_TIMEOUT 500', 'ERR_TOR_TIMEOUT 1000', 'ERR_TOR_TIMEOUT 2000', 'ok 0'],
  );
});

test('after an answer the pauses begin anew', async () => {
  const connect = failing('ERR_TOR_TIMEOUT');
  await using rig = await startRig(answer, { connect: connect.wrap });
  await assert.rejects(rig.ask('one.test'));
  rig.clock.advance(250);
  connect.broken = false;
  await rig.ask('two.test');
  rig.sockets[0]?.destroy();
  await waitUntil('the connection is gone', 5000, () => rig.upstream.openConnections === 0);
  connect.broken = true;
  await assert.rejects(rig.ask('three.test'));
  assert.deepEqual(
    rig.events.map(({ pauseMs }) => pauseMs),
    [250, 0, 250],
  );
});

test('a server that takes every connection and ends it is not stormed with new ones', async () => {
  await using rig = await startRig(dropConnection, { maxConnections: 2 });
  for (let i = 0; i < 50; i++) await assert.rejects(rig.ask(`n${i}.test`), { code: 'ERR_UPSTREAM_CONNECTION' });
  assert.equal(rig.server.connections, 3);
  rig.server.behaviour = answer;
  await assert.rejects(rig.ask('refused.test'), { code: 'ERR_UPSTREAM_CONNECTION' });
  rig.clock.advance(250);
  await rig.ask('answered.test');
  assert.equal(rig.server.connections, 4);
});

test('while a connection works, one more that cannot be had refuses nobody', async () => {
  const { behaviour, release } = heldBack();
  let attempts = 0;
  await using rig = await startRig(behaviour, {
    connect: (plain) => () => (attempts++ === 0 ? plain() : Promise.reject(new Dns4torError('ERR_TOR_TIMEOUT'))),
  });
  const asked = Array.from({ length: STREAMS + 10 }, (_, i) => rig.ask(`n${i}.test`));
  await waitUntil('the second attempt fails', 5000, () => rig.events.length === 2);
  release();
  assert.deepEqual(tally(await Promise.allSettled(asked)), { ok: STREAMS + 10 });
});

test('beyond 1024 waiting queries the newest is refused', async () => {
  await using rig = await startRig(answer, { connect: () => () => new Promise(() => {}) });
  const waiting = Array.from({ length: QUEUE_BOUND }, (_, i) => rig.ask(`n${i}.test`, 1000));
  await assert.rejects(rig.ask('late.test'), { code: 'ERR_QUEUE_FULL' });
  assert.equal(rig.upstream.queueDepth, QUEUE_BOUND);
  rig.clock.advance(1000);
  assert.deepEqual(tally(await Promise.allSettled(waiting)), { ERR_DEADLINE: QUEUE_BOUND });
  assert.equal(rig.upstream.queueDepth, 0);
  assert.equal(rig.clock.pendingTimers, 0);
});

test('a query whose deadline passes while it waits is not sent when the connection comes', async () => {
  const opened = Promise.withResolvers<void>();
  await using rig = await startRig(answer, {
    connect: (plain) => async () => {
      await opened.promise;
      return plain();
    },
  });
  const early = rig.ask('early.test', 1000);
  const late = rig.ask('late.test', 2000);
  rig.clock.advance(1000);
  await assert.rejects(early, { code: 'ERR_DEADLINE' });
  opened.resolve();
  await late;
  assert.deepEqual(
    rig.server.requests.map(({ query }) => Buffer.from(query)),
    [Buffer.from(queryFor('late.test'))],
  );
});

test('a storm of queries that nobody waits for any more leaves the next one unharmed', async () => {
  await using rig = await startRig(neverAnswer, { maxConnections: 2 });
  const storm = Array.from({ length: 1000 }, (_, i) => rig.ask(`n${i}.test`, 5));
  await waitUntil('all streams are taken', 5000, () => rig.server.requests.length === 2 * STREAMS);
  rig.clock.advance(5);
  assert.deepEqual(tally(await Promise.allSettled(storm)), { ERR_DEADLINE: 1000 });
  // Signals that fired together would have sent Node's HTTP/2 code into an endless loop by now.
  for (let turn = 0; turn < 1000; turn++) await setImmediate();
  assert.equal(rig.server.requests.length, 2 * STREAMS);
  rig.server.behaviour = answer;
  const next = rig.ask('next.test');
  // The streams that were abandoned hold both connections, until they are found to be silent.
  rig.clock.advance(14_000);
  await next;
  assert.deepEqual(outcomes(rig.counters), { ok: 1, deadline: 1000 });
});

test('disposing rejects what waits and what is in flight with ERR_SHUTDOWN, and leaves no timer and no socket', async () => {
  const rig = await startRig(neverAnswer, { maxConnections: 1 });
  const asked = Array.from({ length: STREAMS + 5 }, (_, i) => rig.ask(`n${i}.test`));
  await waitUntil('the streams are taken', 5000, () => rig.server.requests.length === STREAMS);
  await rig.upstream[Symbol.asyncDispose]();
  assert.deepEqual(tally(await Promise.allSettled(asked)), { ERR_SHUTDOWN: STREAMS + 5 });
  await assert.rejects(rig.ask('late.test'), { code: 'ERR_SHUTDOWN' });
  assert.ok(rig.sockets.every(({ destroyed }) => destroyed));
  assert.equal(rig.clock.pendingTimers, 0);
  assert.equal(rig.upstream.openConnections, 0);
  await rig[Symbol.asyncDispose]();
});

test('a connection that comes after the disposal is closed at once', async () => {
  const opened = Promise.withResolvers<void>();
  await using rig = await startRig(answer, {
    connect: (plain) => async () => {
      const socket = await plain();
      await opened.promise;
      return socket;
    },
  });
  const asked = rig.ask('one.test');
  await waitUntil('the server has the connection', 5000, () => rig.server.connections === 1);
  await rig.upstream[Symbol.asyncDispose]();
  await assert.rejects(asked, { code: 'ERR_SHUTDOWN' });
  opened.resolve();
  await waitUntil('the socket is closed', 5000, () => rig.sockets[0]?.destroyed === true);
});
