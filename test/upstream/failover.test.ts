import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deadline } from '../../src/lib/deadline.ts';
import { Dns4torError } from '../../src/lib/errors.ts';
import { FailoverUpstream } from '../../src/upstream/failover.ts';
import type { Upstream } from '../../src/upstream/upstream.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import { answer, queryFor, startRig } from './rig.ts';

const QUERY = new Uint8Array(12);
const ANSWER = new Uint8Array(13);
const AWAITED_MS = 9000;

interface Asked {
  readonly name: string;
  readonly remainingMs: number;
}

/** Notes who was asked with how much time, and does what `exchange` does. */
function upstream(name: string, asked: Asked[], exchange: (deadline: Deadline) => Promise<Uint8Array>): Upstream {
  return {
    address: name,
    exchange(_query, deadline) {
      asked.push({ name, remainingMs: deadline.remainingMs });
      return exchange(deadline);
    },
    async [Symbol.asyncDispose]() {
      asked.push({ name: `${name} disposed`, remainingMs: 0 });
    },
  };
}

const fails = (code: Dns4torError['code']) => (): Promise<Uint8Array> => Promise.reject(new Dns4torError(code));
const answers = async (): Promise<Uint8Array> => ANSWER;
const hangs = (deadline: Deadline): Promise<Uint8Array> => deadline.limit(new Promise(() => {}));

test('upstreams are asked in order until one answers', async () => {
  const asked: Asked[] = [];
  const clock = new ManualClock();
  const failover = new FailoverUpstream(
    [upstream('a', asked, fails('ERR_TOR_TIMEOUT')), upstream('b', asked, answers), upstream('c', asked, answers)],
    AWAITED_MS,
  );
  assert.equal(failover.address, 'a, b, c');
  assert.equal(await failover.exchange(QUERY, Deadline.after(clock, AWAITED_MS)), ANSWER);
  // The first may use a third of the time; what it left is shared by two.
  assert.deepEqual(asked, [
    { name: 'a', remainingMs: 3000 },
    { name: 'b', remainingMs: 4500 },
  ]);
});

test('one that hangs leaves the others their share of the time that somebody waits, and the last all until the deadline', async () => {
  const asked: Asked[] = [];
  const clock = new ManualClock();
  const failover = new FailoverUpstream(
    [upstream('a', asked, hangs), upstream('b', asked, hangs), upstream('c', asked, hangs)],
    AWAITED_MS,
  );
  const exchanged = assert.rejects(failover.exchange(QUERY, Deadline.after(clock, 19_000)), { code: 'ERR_DEADLINE' });
  await clock.advanceAsync(19_000);
  await exchanged;
  assert.deepEqual(
    asked.map(({ remainingMs }) => remainingMs),
    [3000, 3000, 13_000],
  );
});

test('an abandoned query ends at once, and no other upstream is asked', async () => {
  const clock = new ManualClock();
  const asked: Asked[] = [];
  const failover = new FailoverUpstream([upstream('a', asked, hangs), upstream('b', asked, hangs)], AWAITED_MS);
  const ending = new AbortController();
  const exchanged = failover.exchange(QUERY, new Deadline(clock, AWAITED_MS, ending.signal));
  ending.abort();
  const ended = assert.rejects(exchanged, { code: 'ERR_GIVEN_UP' });
  await clock.advanceAsync(0);
  await ended;
  assert.equal(asked.length, 1);
  assert.equal(clock.pendingTimers, 0);
});

test('when all fail, the error is that of the one asked last', async () => {
  const clock = new ManualClock();
  const failover = new FailoverUpstream(
    [upstream('a', [], fails('ERR_TLS_PIN')), upstream('b', [], fails('ERR_DOH_STATUS'))],
    AWAITED_MS,
  );
  await assert.rejects(failover.exchange(QUERY, Deadline.after(clock, AWAITED_MS)), { code: 'ERR_DOH_STATUS' });
});

test('every upstream is told whose query it is', async () => {
  const clients: (string | undefined)[] = [];
  const noting = (exchange: () => Promise<Uint8Array>): Upstream => ({
    address: 'noting',
    exchange(_query, _deadline, client) {
      clients.push(client);
      return exchange();
    },
    async [Symbol.asyncDispose]() {},
  });
  const clock = new ManualClock();
  const failover = new FailoverUpstream([noting(fails('ERR_TOR_TIMEOUT')), noting(answers)], AWAITED_MS);
  await failover.exchange(QUERY, Deadline.after(clock, AWAITED_MS), 'alice');
  assert.deepEqual(clients, ['alice', 'alice']);
});

test('disposing disposes every upstream', async () => {
  const asked: Asked[] = [];
  const failover = new FailoverUpstream([upstream('a', asked, answers), upstream('b', asked, answers)], AWAITED_MS);
  await failover[Symbol.asyncDispose]();
  assert.deepEqual(
    asked.map(({ name }) => name),
    ['a disposed', 'b disposed'],
  );
});

test('a real upstream that cannot be reached is passed over without waiting, and asked again once it is back', async () => {
  await using rig = await startRig(answer);
  let broken = true;
  await using first = await startRig(answer, {
    connect: (plain) => () => (broken ? Promise.reject(new Dns4torError('ERR_TOR_UNREACHABLE')) : plain()),
  });
  const failover = new FailoverUpstream([first.upstream, rig.upstream], AWAITED_MS);
  const ask = (name: string): Promise<Uint8Array> =>
    failover.exchange(queryFor(name), Deadline.after(rig.clock, AWAITED_MS));
  await ask('one.test');
  assert.equal(rig.clock.now(), 0);
  broken = false;
  await first.clock.advanceAsync(250);
  await waitUntil('the probe has connected', 5000, () => first.upstream.openConnections === 1);
  await ask('two.test');
  assert.deepEqual([first.server.requests.length, rig.server.requests.length], [1, 1]);
});
