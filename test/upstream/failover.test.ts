import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deadline } from '../../src/lib/deadline.ts';
import { Dns4torError } from '../../src/lib/errors.ts';
import { FailoverUpstream } from '../../src/upstream/failover.ts';
import type { Upstream } from '../../src/upstream/upstream.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { answer, queryFor, startRig } from './rig.ts';

const QUERY = new Uint8Array(12);
const ANSWER = new Uint8Array(13);

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
  const failover = new FailoverUpstream(clock, [
    upstream('a', asked, fails('ERR_TOR_TIMEOUT')),
    upstream('b', asked, answers),
    upstream('c', asked, answers),
  ]);
  assert.equal(failover.address, 'a, b, c');
  assert.equal(await failover.exchange(QUERY, Deadline.after(clock, 9000)), ANSWER);
  // The first may use a third of the time; what it left is shared by two.
  assert.deepEqual(asked, [
    { name: 'a', remainingMs: 3000 },
    { name: 'b', remainingMs: 4500 },
  ]);
});

test('one that hangs leaves the others their share, and the last all that is left', async () => {
  const asked: Asked[] = [];
  const clock = new ManualClock();
  const failover = new FailoverUpstream(clock, [
    upstream('a', asked, hangs),
    upstream('b', asked, hangs),
    upstream('c', asked, hangs),
  ]);
  const exchanged = assert.rejects(failover.exchange(QUERY, Deadline.after(clock, 9000)), { code: 'ERR_DEADLINE' });
  await clock.advanceAsync(9000);
  await exchanged;
  assert.deepEqual(
    asked.map(({ remainingMs }) => remainingMs),
    [3000, 3000, 3000],
  );
});

test('when all fail, the error is that of the one asked last', async () => {
  const clock = new ManualClock();
  const failover = new FailoverUpstream(clock, [
    upstream('a', [], fails('ERR_TLS_PIN')),
    upstream('b', [], fails('ERR_DOH_STATUS')),
  ]);
  await assert.rejects(failover.exchange(QUERY, Deadline.after(clock, 9000)), { code: 'ERR_DOH_STATUS' });
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
  const failover = new FailoverUpstream(clock, [noting(fails('ERR_TOR_TIMEOUT')), noting(answers)]);
  await failover.exchange(QUERY, Deadline.after(clock, 9000), 'alice');
  assert.deepEqual(clients, ['alice', 'alice']);
});

test('disposing disposes every upstream', async () => {
  const asked: Asked[] = [];
  const failover = new FailoverUpstream(new ManualClock(), [
    upstream('a', asked, answers),
    upstream('b', asked, answers),
  ]);
  await failover[Symbol.asyncDispose]();
  assert.deepEqual(
    asked.map(({ name }) => name),
    ['a disposed', 'b disposed'],
  );
});

test('a real upstream that cannot be reached is passed over without waiting', async () => {
  await using rig = await startRig(answer);
  await using dead = await startRig(answer, {
    connect: () => () => Promise.reject(new Dns4torError('ERR_TOR_TIMEOUT')),
  });
  const failover = new FailoverUpstream(rig.clock, [dead.upstream, rig.upstream]);
  await failover.exchange(queryFor('one.test'), Deadline.after(rig.clock, 1000));
  assert.equal(rig.clock.now(), 0);
});
