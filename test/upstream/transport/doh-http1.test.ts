import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Deadline } from '../../../src/lib/deadline.ts';
import { neverAnswer } from '../../fixtures/dns/doh-behaviours.ts';
import type { DohBehaviour } from '../../fixtures/dns/recording-doh-server.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import {
  advanceUntilSettled,
  answer,
  answerTo,
  inTurn,
  outcomes,
  queryFor,
  type Rig,
  type RigOptions,
  startRig,
} from '../rig.ts';

/** HTTP1_WATCH in doh-session.ts. */
const SILENCE_MS = 12_000;
const POLL_MS = 2000;

const startHttp1Rig = (behaviour: DohBehaviour, options: RigOptions = {}): Promise<Rig> =>
  startRig(behaviour, { ...options, alpn: 'http/1.1' });

const drop: DohBehaviour = ({ socket }) => {
  socket.destroy();
  return () => {};
};

test('a request over HTTP/1.1 has these headers in this order, and nothing else', async () => {
  await using rig = await startHttp1Rig(({ query }) => ({ body: answerTo(query), headers: { 'set-cookie': 'a=b' } }));
  await rig.ask('www.Example.com');
  await rig.ask('other.test');
  for (const { rawHeaders } of rig.server.requests) {
    assert.deepEqual(
      rawHeaders.join(' '),
      'host doh.test connection keep-alive accept application/dns-message content-type application/dns-message content-length 128',
    );
  }
  assert.deepEqual(rig.server.requests[0]?.query, Buffer.from(queryFor('www.example.com')));
  assert.deepEqual([rig.server.requests.length, rig.server.connections], [2, 1]);
});

test('a connection carries one request at a time, and the others wait', async () => {
  const held = Promise.withResolvers<void>();
  await using rig = await startHttp1Rig(async ({ query }) => {
    await held.promise;
    return { body: answerTo(query) };
  });
  const pending = Promise.all([rig.ask('one.test'), rig.ask('two.test'), rig.ask('three.test')]);
  await waitUntil('the first request arrives', 5000, () => rig.server.requests.length === 1);
  for (let i = 0; i < 100; i++) await setImmediate();
  assert.equal(rig.server.requests.length, 1);
  held.resolve();
  await pending;
  assert.deepEqual([rig.server.requests.length, rig.server.connections], [3, 1]);
});

test('RFC 9112 §9.6: after a response with Connection: close, requests use a new connection', async () => {
  await using rig = await startHttp1Rig(({ query }) => ({ body: answerTo(query), headers: { connection: 'close' } }));
  await rig.ask('one.test');
  await advanceUntilSettled(rig, rig.ask('two.test'));
  assert.deepEqual([rig.server.requests.length, rig.server.connections], [2, 2]);
  assert.deepEqual(outcomes(rig.counters), { ok: 2 });
});

test('a response without a length ends with its connection, and is valid', async () => {
  await using rig = await startHttp1Rig(({ query }) => ({
    body: answerTo(query),
    headers: { connection: 'close', 'transfer-encoding': 'identity' },
  }));
  await rig.ask('one.test');
  await advanceUntilSettled(rig, rig.ask('two.test'));
  assert.equal(rig.server.connections, 2);
});

test('a query that reaches its deadline closes the connection, and the next one uses a new one', async () => {
  await using rig = await startHttp1Rig(neverAnswer);
  const late = assert.rejects(rig.ask('late.test', 5000), { code: 'ERR_DEADLINE' });
  await waitUntil('it reaches the server', 5000, () => rig.server.requests.length === 1);
  await rig.clock.advanceAsync(5000);
  await late;
  await waitUntil('the connection is closed', 5000, () => rig.sockets[0]?.destroyed === true);
  rig.server.behaviour = answer;
  await advanceUntilSettled(rig, rig.ask('next.test'));
  assert.deepEqual([rig.server.requests.length, rig.server.connections], [2, 2]);
});

test('an abandoned query keeps its connection, which is used again after the response', async () => {
  const held = Promise.withResolvers<void>();
  await using rig = await startHttp1Rig(async ({ query }) => {
    await held.promise;
    return { body: answerTo(query) };
  });
  const giveUp = new AbortController();
  const { upstream, clock } = rig;
  const deadline = new Deadline(clock, clock.now() + 60_000, giveUp.signal);
  const givenUp = assert.rejects(upstream.exchange(queryFor('given-up.test'), { deadline }), { code: 'ERR_GIVEN_UP' });
  await waitUntil('it reaches the server', 5000, () => rig.server.requests.length === 1);
  giveUp.abort();
  await givenUp;
  const next = rig.ask('next.test');
  for (let i = 0; i < 100; i++) await setImmediate();
  assert.equal(rig.server.requests.length, 1);
  held.resolve();
  await next;
  assert.deepEqual([rig.server.requests.length, rig.server.connections], [2, 1]);
});

test('the body of an HTTP error is discarded, and the connection stays in use', async () => {
  const error = { status: 429, headers: { 'retry-after': '7' }, body: Buffer.alloc(5000) };
  await using rig = await startHttp1Rig(inTurn(answer, () => error, answer));
  await rig.ask('one.test');
  await assert.rejects(rig.ask('two.test'), { code: 'ERR_DOH_STATUS', status: 429, retryAfterMs: 7000 });
  await rig.clock.advanceAsync(7000);
  await rig.ask('three.test');
  assert.deepEqual([rig.server.requests.length, rig.server.connections], [3, 1]);
});

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) yield new Uint8Array(7000);
}

for (const [status, code] of [
  [200, 'ERR_DOH_BODY_SIZE'],
  [503, 'ERR_DOH_STATUS'],
] as const) {
  test(`a body above 65,535 bytes with status ${status} is ${code} and closes the connection`, async () => {
    await using rig = await startHttp1Rig(inTurn(() => ({ status, body: endless() }), answer));
    await assert.rejects(rig.ask('large.test'), { code });
    await advanceUntilSettled(rig, rig.ask('next.test'));
    assert.deepEqual([rig.server.requests.length, rig.server.connections], [2, 2]);
  });
}

test('a request that is lost with its connection is retried and answered', async () => {
  await using rig = await startHttp1Rig(inTurn(drop, answer));
  await advanceUntilSettled(rig, rig.ask('one.test'));
  assert.deepEqual([rig.server.requests.length, rig.server.connections], [2, 2]);
});

test('an incomplete response is a failure and not an answer', async () => {
  await using rig = await startHttp1Rig(
    inTurn(({ query, socket }) => {
      setTimeout(() => socket.destroy(), 50);
      return { body: answerTo(query), headers: { 'content-length': '1000' } };
    }, answer),
  );
  await advanceUntilSettled(rig, rig.ask('one.test'));
  assert.deepEqual(outcomes(rig.counters), { ok: 1, upstream_connection: 1 });
});

test('RFC 9110 §15.2: 16 informational responses are skipped, and a 17th closes the connection', async () => {
  await using rig = await startHttp1Rig(answer);
  const after =
    (count: number): DohBehaviour =>
    ({ query, socket }) => {
      socket.write('HTTP/1.1 103 Early Hints\r\nlink: </>\r\n\r\n'.repeat(count));
      return { body: answerTo(query) };
    };
  rig.server.behaviour = after(16);
  await rig.ask('few.test');
  rig.server.behaviour = after(17);
  await assert.rejects(advanceUntilSettled(rig, rig.ask('many.test')), { code: 'ERR_UPSTREAM_CONNECTION' });
});

test('an unsolicited response closes the connection before it can answer a request', async () => {
  await using rig = await startHttp1Rig(({ query, socket }) => {
    const forged = answerTo(queryFor('two.test'));
    setTimeout(() => {
      socket.write(
        `HTTP/1.1 200 OK\r\ncontent-type: application/dns-message\r\ncontent-length: ${forged.length}\r\n\r\n`,
      );
      socket.write(forged);
    }, 50);
    return { body: answerTo(query) };
  });
  await rig.ask('one.test');
  await waitUntil('the connection is closed', 5000, () => rig.sockets[0]?.destroyed === true);
  assert.equal(rig.server.requests.length, 1);
});

test('a connection that falls silent is replaced, and its query is answered on the new one', async () => {
  await using rig = await startHttp1Rig(answer);
  await rig.ask('one.test');
  rig.freeze();
  const pending = rig.ask('two.test');
  for (let at = 0; at < SILENCE_MS; at += POLL_MS) {
    assert.equal(rig.sockets[0]?.destroyed, false);
    await rig.clock.advanceAsync(POLL_MS);
  }
  await advanceUntilSettled(rig, pending);
  assert.equal(rig.sockets[0]?.destroyed, true);
  assert.equal(rig.events.at(-1)?.code, 'ok');
});
