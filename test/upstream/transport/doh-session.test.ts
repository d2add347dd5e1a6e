import assert from 'node:assert/strict';
import { constants } from 'node:http2';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { dropConnection, goAway, neverAnswer, resetStream } from '../../fixtures/dns/doh-behaviours.ts';
import type { DohBehaviour } from '../../fixtures/dns/recording-doh-server.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { advanceUntilSettled, answer, answerTo, inTurn, type Rig, startRig } from '../rig.ts';

/** HTTP2_WATCH in doh-session.ts: the limit for silence and the poll interval. */
const SILENCE_MS = 7000;
const POLL_MS = 1000;

const LOST: readonly (readonly [string, DohBehaviour])[] = [
  ['refused by a GOAWAY', goAway],
  ['reset', resetStream],
  ['refused alone', () => (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM)],
  [
    'accepted by a GOAWAY and then refused',
    () => (stream) => {
      stream.session?.goaway(constants.NGHTTP2_NO_ERROR, 2 ** 31 - 1);
      void setImmediate().then(() => stream.close(constants.NGHTTP2_REFUSED_STREAM));
    },
  ],
  ['cancelled', () => (stream) => stream.close(constants.NGHTTP2_CANCEL)],
  ['lost with its connection', dropConnection],
  [
    'lost by a GOAWAY with an error',
    () => (stream) => stream.session?.destroy(undefined, constants.NGHTTP2_PROTOCOL_ERROR),
  ],
];

for (const [what, behaviour] of LOST) {
  test(`a request that is ${what} is retried and answered`, async () => {
    await using rig = await startRig(inTurn(behaviour, answer));
    await advanceUntilSettled(rig, rig.ask('one.test'));
    assert.equal(rig.server.requests.length, 2);
  });

  test(`a request that is ${what} twice fails with ERR_UPSTREAM_CONNECTION if the probe is lost too`, async () => {
    await using rig = await startRig(behaviour);
    await assert.rejects(advanceUntilSettled(rig, rig.ask('one.test')), { code: 'ERR_UPSTREAM_CONNECTION' });
    assert.equal(rig.server.requests.length, 3);
    rig.server.behaviour = answer;
    await advanceUntilSettled(rig, rig.ask('two.test'));
  });
}

test('a connection that is lost with a request on it leaves no timer', async () => {
  await using rig = await startRig(dropConnection);
  await assert.rejects(advanceUntilSettled(rig, rig.ask('one.test')));
  // The pause before the next attempt.
  await waitUntil('one timer is left', 5000, () => rig.pendingTimers === 1);
});

test('all requests in flight survive the loss of their connection', async () => {
  await using rig = await startRig(neverAnswer);
  const pending = Array.from({ length: 50 }, (_, i) => rig.ask(`n${i}.test`));
  await waitUntil('the requests reach the server', 5000, () => rig.server.requests.length === 50);
  rig.server.behaviour = answer;
  rig.sockets[0]?.destroy();
  await advanceUntilSettled(rig, Promise.all(pending));
  assert.equal(rig.server.requests.length, 100);
  assert.equal(rig.server.connections, 2);
});

test('after a GOAWAY, refused requests move to a new connection, and accepted ones are answered', async () => {
  const accepted = Promise.withResolvers<void>();
  let count = 0;
  await using rig = await startRig(async ({ query, connection }) => {
    if (connection > 0) return { body: answerTo(query) };
    if (++count === 10) return (stream) => stream.session?.goaway(constants.NGHTTP2_NO_ERROR, 9);
    await accepted.promise;
    return { body: answerTo(query) };
  });
  // Streams 1, 3, 5, 7 and 9 are accepted, the next five are refused.
  const pending = Array.from({ length: 10 }, (_, i) => rig.ask(`n${i}.test`));
  await advanceUntilSettled(rig, Promise.all(pending.slice(5)));
  assert.equal(rig.upstream.queueDepth, 5);
  accepted.resolve();
  await Promise.all(pending);
  assert.equal(rig.server.connections, 2);
  assert.equal(rig.server.requests.length, 15);
});

/** Advances the clock second by second, and lets data in transit over loopback arrive in between. */
async function advance({ clock }: Rig, ms: number): Promise<void> {
  for (let at = 0; at < ms; at += POLL_MS) {
    await clock.advanceAsync(Math.min(POLL_MS, ms - at));
    for (let i = 0; i < 50; i++) await setImmediate();
  }
}

test('a retired connection is still watched, and closed at the end', async () => {
  await using rig = await startRig(({ connection, query }) => {
    if (connection > 0) return { body: answerTo(query) };
    return (stream) => stream.session?.goaway(constants.NGHTTP2_NO_ERROR, 1);
  });
  const accepted = rig.ask('accepted.test');
  await waitUntil(
    'the connection is retired',
    5000,
    () => rig.upstream.openConnections === 0 && rig.server.requests.length === 1,
  );
  rig.freeze();
  await advance(rig, SILENCE_MS);
  await advanceUntilSettled(rig, accepted);
  assert.equal(rig.server.requests.length, 2);

  rig.server.behaviour = () => (stream) => stream.session?.goaway(constants.NGHTTP2_NO_ERROR, stream.id ?? 0);
  const last = rig.ask('last.test');
  await waitUntil('the second connection is retired', 5000, () => rig.upstream.openConnections === 0);
  await rig.upstream[Symbol.asyncDispose]();
  await assert.rejects(last, { code: 'ERR_SHUTDOWN' });
  assert.ok(rig.sockets.every(({ destroyed }) => destroyed));
});

test('a dead connection is replaced, and requests before their deadline are answered on the new one', async () => {
  await using rig = await startRig(neverAnswer);
  const impatient = assert.rejects(rig.ask('impatient.test', 5000), { code: 'ERR_DEADLINE' });
  const patient = rig.ask('patient.test', 20_000);
  await waitUntil('both reach the server', 5000, () => rig.server.requests.length === 2);
  rig.freeze();
  rig.server.behaviour = answer;
  await advance(rig, 5000);
  await impatient;
  assert.equal(rig.upstream.openConnections, 1);
  await advance(rig, SILENCE_MS - 5000);
  await advanceUntilSettled(rig, patient);
  await rig.ask('new.test');
  assert.equal(rig.server.connections, 2);
  assert.equal(rig.server.requests.length, 4);
  assert.ok(rig.sockets[0]?.destroyed);
});

test('a slow resolver that answers PINGs does not count as dead', async () => {
  const { promise: slow, resolve } = Promise.withResolvers<void>();
  await using rig = await startRig(async ({ query }) => {
    await slow;
    return { body: answerTo(query) };
  });
  const pending = rig.ask('slow.test');
  await waitUntil('it reaches the server', 5000, () => rig.server.requests.length === 1);
  await advance(rig, 4 * SILENCE_MS);
  resolve();
  await pending;
  assert.equal(rig.server.connections, 1);
});

test('an idle connection is not watched', async () => {
  await using rig = await startRig(answer);
  await rig.ask('one.test');
  await advance(rig, POLL_MS);
  assert.equal(rig.pendingTimers, 0);
});

test('if the server closes an idle connection, the next query does not fail', async () => {
  await using rig = await startRig(answer);
  await rig.ask('one.test');
  rig.server.closeConnections();
  await waitUntil('the end is noticed', 5000, () => rig.upstream.openConnections === 0);
  await rig.ask('two.test');
  assert.equal(rig.server.requests.length, 2);
});

/** A rig with an open, unused connection: the query that needed it was abandoned. */
async function startUnused(): Promise<Rig> {
  const expired = Promise.withResolvers<void>();
  const rig = await startRig(answer, {
    connect: (plain) => async () => {
      const socket = await plain();
      await expired.promise;
      return socket;
    },
  });
  const pending = rig.ask('expired.test', 10);
  await waitUntil('the server has the connection', 5000, () => rig.server.connections === 1);
  rig.clock.advance(10);
  await assert.rejects(pending, { code: 'ERR_TOR_TIMEOUT' });
  expired.resolve();
  await waitUntil('the connection is open', 5000, () => rig.upstream.openConnections === 1);
  return rig;
}

test('if the server closes an unused connection, the next query does not fail', async () => {
  await using rig = await startUnused();
  // The server's SETTINGS and FIN have arrived, and neither has been read.
  rig.server.closeConnections();
  await waitUntil('they have come', 5000, () => (rig.sockets[0]?.bytesRead ?? 0) > 0);
  await advanceUntilSettled(rig, rig.ask('one.test'));
  assert.equal(rig.server.requests.length, 1);
  assert.equal(rig.server.connections, 2);
});

test('an error on an unused connection ends only that connection', async () => {
  await using rig = await startUnused();
  await advance(rig, 2 * POLL_MS);
  rig.sockets[0]?.destroy(new Error('connection reset'));
  await waitUntil('the end is noticed', 5000, () => rig.upstream.openConnections === 0);
  await rig.ask('one.test');
  assert.deepEqual(
    rig.events.map(({ code }) => code),
    ['ok', 'ok'],
  );
});

test('a connection that ends right after it opened is replaced after a pause', async () => {
  await using rig = await startUnused();
  rig.sockets[0]?.destroy();
  await waitUntil('the end is noticed', 5000, () => rig.upstream.openConnections === 0);
  assert.deepEqual(
    rig.events.map(({ code, pauseMs }) => `${code} ${pauseMs}`),
    ['ok 0', 'ERR_UPSTREAM_CONNECTION 250'],
  );
  await advanceUntilSettled(rig, rig.ask('one.test'));
});

/** Number of replaced connections by cause. */
function causes(rig: Rig): (string | undefined)[] {
  const counted = rig.counters.totals.reconnects.entries().filter(({ count }) => count > 0);
  return counted.map(({ labels }) => labels['cause']);
}

test('replaced connections count as ended or as stalled', async () => {
  await using ended = await startRig(answer);
  await ended.ask('one.test');
  assert.deepEqual(causes(ended), []);
  ended.server.closeConnections();
  await waitUntil('the end is noticed', 5000, () => ended.upstream.openConnections === 0);
  assert.deepEqual(causes(ended), ['ended']);

  await using stalled = await startRig(answer);
  await stalled.ask('one.test');
  stalled.freeze();
  const pending = stalled.ask('two.test').catch(() => {});
  await advanceUntilSettled(stalled, pending);
  assert.deepEqual(causes(stalled), ['stalled']);
});
