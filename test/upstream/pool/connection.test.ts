import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Dns4torError } from '../../../src/failures/errors.ts';
import { Breaker } from '../../../src/upstream/pool/breaker.ts';
import { Connection } from '../../../src/upstream/pool/connection.ts';
import type { Connect, CreateSession } from '../../../src/upstream/transport/session.ts';
import { dropConnection, neverAnswer } from '../../fixtures/dns/doh-behaviours.ts';
import type { DohBehaviour } from '../../fixtures/dns/recording-doh-server.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { answer, answerTo, noJitter, queryFor, type Rig, startRig } from '../rig.ts';

/** MAX_WAITING in wait-queue.ts. */
const QUEUE_BOUND = 1024;
/** MAX_IN_FLIGHT in session.ts. */
const STREAMS = 100;

const codeOf = (result: PromiseSettledResult<unknown>): string =>
  result.status === 'fulfilled' ? 'ok' : (result.reason as Dns4torError).code;

/** Timers of the attempt that is still in progress. */
const SLOW_ATTEMPT_TIMERS = 1;

/** Advances the clock, and lets data in transit over loopback arrive. */
async function advance({ clock }: Rig, ms: number): Promise<void> {
  await clock.advanceAsync(ms);
  for (let i = 0; i < 50; i++) await setImmediate();
}

/** Number of results by outcome. */
function tally(results: readonly PromiseSettledResult<unknown>[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const result of results) counts[codeOf(result)] = (counts[codeOf(result)] ?? 0) + 1;
  return counts;
}

/** Holds all answers back until `release` is called. */
function heldBack(): { behaviour: DohBehaviour; release: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const behaviour: DohBehaviour = async ({ query }) => {
    await promise;
    return { body: answerTo(query) };
  };
  return { behaviour, release: resolve };
}

/** Fails every attempt to connect while `broken`. */
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

test('a burst of queries fills all connections, at most 100 on each, and the rest waits', async () => {
  const { behaviour, release } = heldBack();
  await using rig = await startRig(behaviour, { connections: 2 });
  const pending = Array.from({ length: 250 }, (_, i) => rig.ask(`n${i}.test`));
  await waitUntil('200 requests reach the server', 5000, () => rig.server.requests.length === 2 * STREAMS);
  assert.equal(rig.upstream.queueDepth, 250);
  assert.equal(rig.upstream.openConnections, 2);
  const perConnection = [0, 1].map((n) => rig.server.requests.filter(({ connection }) => connection === n).length);
  assert.deepEqual(perConnection, [STREAMS, STREAMS]);
  release();
  assert.deepEqual(tally(await Promise.allSettled(pending)), { ok: 250 });
  assert.equal(rig.server.connections, 2);
  assert.equal(rig.upstream.queueDepth, 0);
});

test('a server that allows ten streams at a time answers fifty queries', async () => {
  await using rig = await startRig(answer, { maxConcurrentStreams: 10 });
  const pending = Array.from({ length: 50 }, (_, i) => rig.ask(`n${i}.test`));
  assert.deepEqual(tally(await Promise.allSettled(pending)), { ok: 50 });
});

test('while Tor is not running, a thousand queries cost one attempt and reject with its error', async () => {
  const connect = failing('ERR_TOR_UNREACHABLE');
  await using rig = await startRig(answer, { connect: connect.wrap });
  for (let round = 0; round < 2; round++) {
    const refused = await Promise.allSettled(Array.from({ length: 1000 }, (_, i) => rig.ask(`n${i}.test`)));
    assert.deepEqual(tally(refused), { ERR_TOR_UNREACHABLE: 1000 });
  }
  assert.equal(connect.attempts, 1);
});

test('queries wait for three attempts; after the third failure they and all new ones are rejected', async () => {
  const connect = failing('ERR_TOR_HS_INTRO_FAILED');
  await using rig = await startRig(answer, { connect: connect.wrap });
  const waiting = Promise.allSettled(Array.from({ length: 1000 }, (_, i) => rig.ask(`n${i}.test`)));
  await rig.clock.advanceAsync(250);
  assert.equal(rig.upstream.queueDepth, 1000);
  await rig.clock.advanceAsync(500);
  assert.deepEqual(tally(await waiting), { ERR_TOR_HS_INTRO_FAILED: 1000 });
  await assert.rejects(rig.ask('late.test'), { code: 'ERR_TOR_HS_INTRO_FAILED' });
  assert.equal(connect.attempts, 3);
});

test('a waiting query is answered after the second attempt', async () => {
  const connect = failing('ERR_TOR_HS_REND_FAILED');
  await using rig = await startRig(answer, { connect: connect.wrap });
  const pending = rig.ask('one.test');
  await rig.clock.advanceAsync(249);
  connect.broken = false;
  await rig.clock.advanceAsync(1);
  await pending;
  assert.equal(connect.attempts, 2);
});

test('in an outage all slots share one attempt per pause, and the first query after it is answered', async () => {
  const connect = failing('ERR_TOR_TIMEOUT');
  await using rig = await startRig(answer, { connections: 3, connect: connect.wrap });
  await assert.rejects(rig.ask('one.test'), { code: 'ERR_TOR_TIMEOUT' });
  assert.equal(connect.attempts, 3);
  for (const [attempt, pauseMs] of [250, 500, 1000].entries()) {
    await rig.clock.advanceAsync(pauseMs - 1);
    await assert.rejects(rig.ask('two.test'), { code: 'ERR_TOR_TIMEOUT' });
    assert.equal(connect.attempts, 3 + attempt);
    if (attempt === 2) connect.broken = false;
    await rig.clock.advanceAsync(1);
  }
  await waitUntil('the attempt has connected', 5000, () => rig.upstream.openConnections === 1);
  await rig.ask('three.test');
  assert.deepEqual(rig.upstream.breakerStates, ['closed']);
  await waitUntil('the other connections are open again', 5000, () => rig.upstream.openConnections === 3);
  assert.deepEqual(
    rig.events.map(({ code, pauseMs }) => `${code} ${pauseMs}`),
    [250, 250, 250, 500, 1000].map((pauseMs) => `ERR_TOR_TIMEOUT ${pauseMs}`).concat(['ok 0', 'ok 0', 'ok 0']),
  );
});

test('queries wait at most 10 s for an attempt that hangs, and its connection serves later ones', async () => {
  const opened = Promise.withResolvers<void>();
  await using rig = await startRig(answer, {
    connect: (plain) => async () => {
      await opened.promise;
      return plain();
    },
  });
  const waiting = assert.rejects(rig.ask('one.test', 15_000), { code: 'ERR_TOR_TIMEOUT' });
  await rig.clock.advanceAsync(10_000);
  await waiting;
  await assert.rejects(rig.ask('two.test'), { code: 'ERR_TOR_TIMEOUT' });
  opened.resolve();
  await waitUntil('it is open', 5000, () => rig.upstream.openConnections === 1);
  await rig.ask('three.test');
});

test('after 10 s a second attempt starts beside one that hangs, and the first to succeed serves', async () => {
  const opened = Promise.withResolvers<void>();
  let attempts = 0;
  await using rig = await startRig(answer, {
    connect: (plain) => async () => {
      if (attempts++ === 0) await opened.promise;
      return plain();
    },
  });
  const waiting = assert.rejects(rig.ask('one.test', 15_000), { code: 'ERR_TOR_TIMEOUT' });
  await rig.clock.advanceAsync(10_000);
  await waiting;
  await assert.rejects(rig.ask('two.test'), { code: 'ERR_TOR_TIMEOUT' });
  await waitUntil('another is open', 5000, () => rig.upstream.openConnections === 1);
  opened.resolve();
  await rig.ask('three.test');
  await waitUntil('the first is closed', 5000, () => rig.sockets.length === 2 && rig.sockets[1]?.destroyed === true);
  assert.equal(attempts, 2);
});

test('an answer resets the pauses', async () => {
  const connect = failing('ERR_TOR_TIMEOUT');
  await using rig = await startRig(answer, { connect: connect.wrap });
  const pending = rig.ask('one.test');
  await rig.clock.advanceAsync(249);
  connect.broken = false;
  await rig.clock.advanceAsync(1);
  await pending;
  rig.sockets[0]?.destroy();
  await waitUntil('the connection is gone', 5000, () => rig.upstream.openConnections === 0);
  connect.broken = true;
  const later = assert.rejects(rig.ask('two.test', 100), { code: 'ERR_TOR_TIMEOUT' });
  await rig.clock.advanceAsync(100);
  await later;
  assert.deepEqual(
    rig.events.map(({ pauseMs }) => pauseMs),
    [250, 0, 250],
  );
});

test('a server that accepts and closes every connection gets no storm of new ones', async () => {
  await using rig = await startRig(dropConnection, { connections: 2 });
  const pending = Array.from({ length: 50 }, (_, i) => rig.ask(`n${i}.test`));
  const settled = Promise.allSettled(pending);
  for (let i = 0; i < 20; i++) await advance(rig, 250);
  assert.deepEqual(tally(await settled), { ERR_UPSTREAM_CONNECTION: 50 });
  assert.ok(rig.server.connections <= 6, `${rig.server.connections}`);
  rig.server.behaviour = answer;
  for (let i = 0; i < 20 && rig.upstream.openConnections === 0; i++) await advance(rig, 1000);
  await rig.ask('answered.test');
});

test('while one connection works, failed attempts for another reject no query', async () => {
  const { behaviour, release } = heldBack();
  let attempts = 0;
  await using rig = await startRig(behaviour, {
    connections: 2,
    connect: (plain) => () => (attempts++ === 0 ? plain() : Promise.reject(new Dns4torError('ERR_TOR_TIMEOUT'))),
  });
  const pending = Array.from({ length: STREAMS + 10 }, (_, i) => rig.ask(`n${i}.test`));
  await waitUntil('the streams are taken', 5000, () => rig.server.requests.length === STREAMS);
  await advance(rig, 5000);
  assert.ok(attempts > 3);
  release();
  assert.deepEqual(tally(await Promise.allSettled(pending)), { ok: STREAMS + 10 });
});

test('the 1025th waiting query is rejected', async () => {
  await using rig = await startRig(answer, { connect: () => () => new Promise(() => {}) });
  const waiting = Array.from({ length: QUEUE_BOUND }, (_, i) => rig.ask(`n${i}.test`, 1000));
  await assert.rejects(rig.ask('late.test'), { code: 'ERR_QUEUE_FULL' });
  assert.equal(rig.upstream.queueDepth, QUEUE_BOUND);
  rig.clock.advance(1000);
  assert.deepEqual(tally(await Promise.allSettled(waiting)), { ERR_TOR_TIMEOUT: QUEUE_BOUND });
  assert.equal(rig.upstream.queueDepth, 0);
  assert.equal(rig.pendingTimers, SLOW_ATTEMPT_TIMERS);
});

test('a query whose deadline passes while it waits is not sent when the connection opens', async () => {
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
  await assert.rejects(early, { code: 'ERR_TOR_TIMEOUT' });
  opened.resolve();
  await late;
  assert.deepEqual(
    rig.server.requests.map(({ query }) => Buffer.from(query)),
    [Buffer.from(queryFor('late.test'))],
  );
});

test('streams of abandoned queries are reset, and the next query takes their place', async () => {
  await using rig = await startRig(neverAnswer, { connections: 2 });
  const storm = Array.from({ length: 1000 }, (_, i) => rig.ask(`n${i}.test`, 50));
  await waitUntil('all streams are taken', 5000, () => rig.server.requests.length === 2 * STREAMS);
  rig.clock.advance(50);
  assert.deepEqual(tally(await Promise.allSettled(storm)), {
    ERR_DEADLINE: 2 * STREAMS,
    ERR_QUEUE_FULL: 1000 - 2 * STREAMS,
  });
  rig.server.behaviour = answer;
  await rig.ask('next.test');
  assert.equal(rig.server.requests.length, 2 * STREAMS + 1);
  assert.equal(rig.server.connections, 2);
});

test('disposing rejects all queries with ERR_SHUTDOWN, and leaves no timer and no socket', async () => {
  await using rig = await startRig(neverAnswer);
  const pending = Array.from({ length: STREAMS + 5 }, (_, i) => rig.ask(`n${i}.test`));
  await waitUntil('the streams are taken', 5000, () => rig.server.requests.length === STREAMS);
  await rig.upstream[Symbol.asyncDispose]();
  assert.deepEqual(tally(await Promise.allSettled(pending)), { ERR_SHUTDOWN: STREAMS + 5 });
  await assert.rejects(rig.ask('late.test'), { code: 'ERR_SHUTDOWN' });
  assert.ok(rig.sockets.every(({ destroyed }) => destroyed));
  assert.equal(rig.clock.pendingTimers, 0);
  assert.equal(rig.upstream.openConnections, 0);
});

test('a connection that opens after the disposal is closed at once', async () => {
  const opened = Promise.withResolvers<void>();
  await using rig = await startRig(answer, {
    connect: (plain) => async () => {
      const socket = await plain();
      await opened.promise;
      return socket;
    },
  });
  const pending = rig.ask('one.test');
  await waitUntil('the server has the connection', 5000, () => rig.server.connections === 1);
  await rig.upstream[Symbol.asyncDispose]();
  await assert.rejects(pending, { code: 'ERR_SHUTDOWN' });
  opened.resolve();
  await waitUntil('the socket is closed', 5000, () => rig.sockets[0]?.destroyed === true);
});

/** A connection without a pool. Every attempt returns `socket`. */
function connectionOver(socket: Socket, createSession: CreateSession): { connection: Connection; failures: string[] } {
  const clock = new ManualClock();
  const failures: string[] = [];
  const owner = { hasOpenConnection: () => false, onOpen() {}, onAttemptAllowed() {} };
  const connection = new Connection(
    {
      clock,
      connect: async () => socket,
      createSession,
      breaker: new Breaker({ clock, random: noJitter }, owner),
      events: { connected() {}, connectFailed: ({ code }) => failures.push(code) },
    },
    { onOpen() {}, onCapacityChange() {}, onRoundTrip() {}, onEnd: () => false },
  );
  return { connection, failures };
}

test('an exception from createSession is a failed attempt, not an unhandled rejection', async () => {
  const socket = new Socket();
  const { connection, failures } = connectionOver(socket, () => {
    throw new Error('a defect');
  });
  connection.open();
  await setImmediate();
  assert.deepEqual([connection.isOpen, socket.destroyed], [false, true]);
  assert.deepEqual(failures, ['ERR_INTERNAL']);
});

test('a socket that is closed before its session starts is a failed attempt', async () => {
  const socket = new Socket();
  socket.destroy();
  const { connection, failures } = connectionOver(socket, () => assert.fail('a session was started'));
  connection.open();
  await setImmediate();
  assert.equal(connection.isOpen, false);
  assert.deepEqual(failures, ['ERR_UPSTREAM_CONNECTION']);
});
