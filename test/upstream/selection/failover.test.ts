import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dns4torError } from '../../../src/failures/errors.ts';
import { delay } from '../../../src/lib/clock.ts';
import { Deadline } from '../../../src/lib/deadline.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import { PROBE_QUERY } from '../../../src/message/upstream-query.ts';
import { RetryBudget } from '../../../src/upstream/pool/retry-budget.ts';
import { FailoverUpstream } from '../../../src/upstream/selection/failover.ts';
import type { HealthEvents } from '../../../src/upstream/selection/health-checked-upstream.ts';
import type { AnswerPath, Upstream } from '../../../src/upstream/upstream.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { answer, noJitter, queryFor, startRig } from '../rig.ts';

const QUERY = new Uint8Array(12);
const ANSWER = new Uint8Array(13);
const AWAITED_MS = 10_000;
const CLIENT_PATIENCE_MS = 5000;

interface SentQuery {
  readonly name: string;
  readonly deadlineAt: number;
  readonly isProbe: boolean;
}

/** An upstream that records its queries with their deadlines, and answers as `exchange` does. */
function upstream(name: string, sent: SentQuery[], exchange: (deadline: Deadline) => Promise<Uint8Array>): Upstream {
  return {
    address: name,
    async exchange(query, { deadline, onAnswer }) {
      sent.push({ name, deadlineAt: deadline.atMs, isProbe: query === PROBE_QUERY });
      const response = await exchange(deadline);
      onAnswer?.({ upstream: name, sentAt: 0, secondTry: false });
      return response;
    },
    async [Symbol.asyncDispose]() {
      sent.push({ name: `${name} disposed`, deadlineAt: 0, isProbe: false });
    },
  };
}

/** An upstream that holds its answers back until it is released, but can answer the next query at once. */
function held(name: string): {
  readonly upstream: Upstream;
  readonly release: () => void;
  readonly answerNext: () => void;
} {
  const released = Promise.withResolvers<void>();
  let isNext = false;
  return {
    upstream: upstream(name, [], async (deadline) => {
      if (!isNext) await deadline.limit(released.promise);
      isNext = false;
      return ANSWER;
    }),
    release: released.resolve,
    answerNext: () => (isNext = true),
  };
}

function create(
  clock: ManualClock,
  upstreams: readonly Upstream[],
  awaitedMs = AWAITED_MS,
  budget = new RetryBudget(),
  events: string[] = [],
  sharded = false,
): FailoverUpstream {
  const createEvents = ({ address }: Upstream): HealthEvents => ({
    markedDown: () => events.push(`${address} down`),
    recovered: () => events.push(`${address} up`),
  });
  return new FailoverUpstream({ clock, random: noJitter, budget, createEvents }, upstreams, { awaitedMs, sharded });
}

const fails = (code: Dns4torError['code']) => (): Promise<Uint8Array> => Promise.reject(new Dns4torError(code));
const answers = async (): Promise<Uint8Array> => ANSWER;
const hangs = (deadline: Deadline): Promise<Uint8Array> => deadline.limit(new Promise(() => {}));

test('upstreams are tried in order until one answers', async () => {
  const sent: SentQuery[] = [];
  const clock = new ManualClock();
  const failover = create(clock, [
    upstream('a', sent, fails('ERR_TOR_TIMEOUT')),
    upstream('b', sent, answers),
    upstream('c', sent, answers),
  ]);
  assert.equal(failover.address, 'a, b, c');
  assert.equal(await failover.exchange(QUERY, { deadline: Deadline.after(clock, AWAITED_MS) }), ANSWER);
  assert.deepEqual(
    sent.map(({ name }) => name),
    ['a', 'b'],
  );
  assert.equal(clock.pendingTimers, 0);
});

for (const count of [2, 3, 4]) {
  test(`${count} upstreams that hang are all tried within 5 s, and have until the deadline`, async () => {
    const sent: SentQuery[] = [];
    const clock = new ManualClock();
    const names = ['a', 'b', 'c', 'd'].slice(0, count);
    const failover = create(
      clock,
      names.map((name) => upstream(name, sent, hangs)),
    );
    const exchanged = assert.rejects(failover.exchange(QUERY, { deadline: Deadline.after(clock, 19_000) }), {
      code: 'ERR_DEADLINE',
    });
    await clock.advanceAsync(CLIENT_PATIENCE_MS - 400);
    assert.deepEqual(
      sent.map(({ name }) => name),
      names,
    );
    await clock.advanceAsync(19_000);
    await exchanged;
    assert.deepEqual(
      sent.map(({ deadlineAt }) => deadlineAt),
      names.map(() => 19_000),
    );
    assert.equal(clock.pendingTimers, 0);
  });
}

test('if clients wait for less than that, all upstreams are tried within their time', async () => {
  const sent: SentQuery[] = [];
  const clock = new ManualClock();
  const failover = create(clock, [upstream('a', sent, hangs), upstream('b', sent, answers)], 1000);
  const exchanged = failover.exchange(QUERY, { deadline: Deadline.after(clock, 11_000) });
  await clock.advanceAsync(999);
  assert.equal(await exchanged, ANSWER);
});

test('an upstream whose share is over continues, and its answer wins if it comes first', async () => {
  const clock = new ManualClock();
  const slow = held('slow');
  const failover = create(clock, [slow.upstream, upstream('b', [], hangs)]);
  const exchanged = failover.exchange(QUERY, { deadline: Deadline.after(clock, AWAITED_MS) });
  await clock.advanceAsync(3000);
  slow.release();
  assert.equal(await exchanged, ANSWER);
});

test('an answer of a parallel upstream is a second try, and only the path of the winner is reported', async () => {
  const clock = new ManualClock();
  const slow = held('slow');
  const paths: AnswerPath[] = [];
  const failover = create(clock, [slow.upstream, upstream('b', [], answers)]);
  const exchanged = failover.exchange(QUERY, {
    deadline: Deadline.after(clock, AWAITED_MS),
    onAnswer: (path) => paths.push(path),
  });
  await clock.advanceAsync(3000);
  await exchanged;
  slow.release();
  await clock.advanceAsync(0);
  assert.deepEqual(
    paths.map(({ upstream: address, secondTry }) => [address, secondTry]),
    [['b', true]],
  );
});

test('while the first upstream answers other queries, a second try costs budget', async () => {
  const clock = new ManualClock();
  const sent: SentQuery[] = [];
  const slow = held('slow');
  const budget = new RetryBudget();
  while (budget.spend());
  const failover = create(clock, [slow.upstream, upstream('b', sent, answers)], AWAITED_MS, budget);
  const exchanged = failover.exchange(QUERY, { deadline: Deadline.after(clock, AWAITED_MS) });
  await clock.advanceAsync(1000);
  slow.answerNext();
  await failover.exchange(QUERY, { deadline: Deadline.after(clock, AWAITED_MS) });
  await clock.advanceAsync(AWAITED_MS / 2 - 1001);
  assert.equal(sent.length, 0);
  await clock.advanceAsync(1);
  assert.equal(await exchanged, ANSWER);
});

test('an upstream with two unanswered queries is tried last until it answers a probe', async () => {
  const clock = new ManualClock();
  const sent: SentQuery[] = [];
  const world = { isSilent: true };
  const events: string[] = [];
  const first = upstream('a', sent, (deadline) => (world.isSilent ? hangs(deadline) : answers()));
  const failover = create(clock, [first, upstream('b', sent, answers)], AWAITED_MS, new RetryBudget(), events);
  const ask = async (): Promise<string | undefined> => {
    const before = sent.length;
    const exchanged = failover.exchange(QUERY, { deadline: Deadline.after(clock, AWAITED_MS) });
    await clock.advanceAsync(0);
    const name = sent.slice(before).find(({ isProbe }) => !isProbe)?.name;
    await clock.advanceAsync(CLIENT_PATIENCE_MS / 2);
    await exchanged;
    return name;
  };
  assert.deepEqual([await ask(), await ask()], ['a', 'a']);
  assert.deepEqual(events, ['a down']);
  const probes = (): number => sent.filter(({ isProbe }) => isProbe).length;

  // Without queries, no probe is sent.
  await clock.advanceAsync(600_000);
  assert.equal(probes(), 0);

  const minutes = 10;
  for (let second = 0; second < 60 * minutes; second += 2.5) assert.equal(await ask(), 'b');
  assert.ok(probes() >= minutes && probes() <= 3 * minutes + 5);

  world.isSilent = false;
  const recoveredAt = clock.now();
  while ((await ask()) !== 'a') assert.ok(clock.now() - recoveredAt < 45_000);
  assert.deepEqual(events, ['a down', 'a up']);
});

test('a late answer also marks an upstream as up again', async () => {
  const clock = new ManualClock();
  const events: string[] = [];
  const slow = held('slow');
  const failover = create(clock, [slow.upstream, upstream('b', [], answers)], AWAITED_MS, new RetryBudget(), events);
  for (let i = 0; i < 2; i++) {
    const exchanged = failover.exchange(QUERY, { deadline: Deadline.after(clock, AWAITED_MS) });
    await clock.advanceAsync(CLIENT_PATIENCE_MS / 2);
    await exchanged;
  }
  slow.release();
  await clock.advanceAsync(0);
  assert.deepEqual(events, ['slow down', 'slow up']);
});

test('an upstream that answered meanwhile, or has no connection, is not marked down', async () => {
  const clock = new ManualClock();
  const events: string[] = [];
  const slow = held('slow');
  const unconnected = Object.assign(held('unconnected').upstream, { openConnections: 0 });
  for (const first of [slow.upstream, unconnected]) {
    const failover = create(clock, [first, upstream('b', [], answers)], AWAITED_MS, new RetryBudget(), events);
    for (let i = 0; i < 5; i++) {
      const exchanged = failover.exchange(QUERY, { deadline: Deadline.after(clock, AWAITED_MS) });
      await clock.advanceAsync(1000);
      slow.answerNext();
      if (first === slow.upstream) await failover.exchange(QUERY, { deadline: Deadline.after(clock, AWAITED_MS) });
      await clock.advanceAsync(AWAITED_MS);
      await exchanged;
    }
  }
  assert.deepEqual(events, []);
});

test('after the deadline no further upstream is tried', async () => {
  const clock = new ManualClock();
  const sent: SentQuery[] = [];
  const failover = create(clock, [upstream('a', sent, hangs), upstream('b', sent, answers)]);
  const exchanged = assert.rejects(failover.exchange(QUERY, { deadline: Deadline.after(clock, 0) }), {
    code: 'ERR_DEADLINE',
  });
  await clock.advanceAsync(0);
  await exchanged;
  assert.equal(sent.length, 1);
});

test('if all upstreams are down, they are tried in order again', async () => {
  const clock = new ManualClock();
  const sent: SentQuery[] = [];
  const failover = create(clock, [upstream('a', sent, hangs), upstream('b', sent, hangs)]);
  for (let i = 0; i < 3; i++) {
    const exchanged = assert.rejects(failover.exchange(QUERY, { deadline: Deadline.after(clock, AWAITED_MS) }));
    await clock.advanceAsync(AWAITED_MS);
    await exchanged;
  }
  assert.deepEqual(
    sent.filter(({ isProbe }) => !isProbe).map(({ name }) => name),
    ['a', 'b', 'a', 'b', 'a', 'b'],
  );
});

/** Finds a query whose first choice is `first`, by trying names. */
async function queryWithFirst(
  failover: FailoverUpstream,
  clock: ManualClock,
  sent: SentQuery[],
  first: string,
): Promise<Uint8Array> {
  for (let i = 0; i < 1000; i++) {
    const query = queryFor(`d${i}.example`);
    const before = sent.length;
    const exchanged = failover.exchange(query, { deadline: Deadline.after(clock, 0) });
    exchanged.catch(() => {});
    await clock.advanceAsync(0);
    if (sent[before]?.name === first) return query;
  }
  throw new Error('none of a thousand');
}

test('sharded: a slow upstream keeps its domains, a failing one passes them on', async () => {
  const clock = new ManualClock();
  const sent: SentQuery[] = [];
  const world = { fails: false };
  const named = (name: string): Upstream =>
    upstream(name, sent, (deadline) => {
      if (name === 'a' && world.fails) return fails('ERR_TOR_TIMEOUT')();
      return deadline.remainingMs === 0
        ? answers()
        : deadline.limit(delay(clock, world.fails ? 1000 : 4000).then(() => ANSWER));
    });
  const random = { ...noJitter, bytes: (length: number) => systemRandom.bytes(length) };
  const failover = new FailoverUpstream(
    { clock, random, budget: new RetryBudget() },
    [named('a'), named('b'), named('c')],
    { awaitedMs: AWAITED_MS, sharded: true },
  );
  const query = await queryWithFirst(failover, clock, sent, 'a');
  const ask = async (): Promise<string[]> => {
    const before = sent.length;
    const exchanged = failover.exchange(query, { deadline: Deadline.after(clock, AWAITED_MS) });
    await clock.advanceAsync(1000);
    // Another query to the same upstream is answered meanwhile.
    const other = failover.exchange(query, { deadline: Deadline.after(clock, 0) }).catch(() => {});
    await clock.advanceAsync(4000);
    await Promise.all([exchanged, other]);
    return sent.slice(before).map(({ name }) => name);
  };
  assert.deepEqual([...new Set(await ask())], ['a']);
  world.fails = true;
  const order = [...new Set(await ask())];
  assert.equal(order.length, 2);
  for (let i = 0; i < 5; i++) assert.deepEqual([...new Set(await ask())], order);
});

test('sharded: a probe goes to every upstream, and one answer is enough', async () => {
  const clock = new ManualClock();
  const sent: SentQuery[] = [];
  const failing = upstream('a', sent, fails('ERR_TOR_TIMEOUT'));
  const upstreams = [failing, upstream('b', sent, answers)];
  const probed = create(clock, upstreams, AWAITED_MS, new RetryBudget(), [], true);
  assert.equal(await probed.exchange(PROBE_QUERY, { deadline: Deadline.after(clock, AWAITED_MS) }), ANSWER);
  assert.deepEqual(
    sent.map(({ name }) => name),
    ['a', 'b'],
  );
  const down = create(clock, [failing, failing], AWAITED_MS, new RetryBudget(), [], true);
  await assert.rejects(down.exchange(PROBE_QUERY, { deadline: Deadline.after(clock, AWAITED_MS) }), {
    code: 'ERR_TOR_TIMEOUT',
  });
});

test('an abandoned query ends at once, and no other upstream is tried', async () => {
  const clock = new ManualClock();
  const sent: SentQuery[] = [];
  const failover = create(clock, [upstream('a', sent, hangs), upstream('b', sent, hangs)]);
  const ending = new AbortController();
  const exchanged = failover.exchange(QUERY, { deadline: new Deadline(clock, AWAITED_MS, ending.signal) });
  ending.abort();
  const ended = assert.rejects(exchanged, { code: 'ERR_GIVEN_UP' });
  await clock.advanceAsync(0);
  await ended;
  assert.equal(sent.length, 1);
  assert.equal(clock.pendingTimers, 0);
});

test('if all upstreams fail, the error is that of the last one', async () => {
  const clock = new ManualClock();
  const failover = create(clock, [upstream('a', [], fails('ERR_TLS_PIN')), upstream('b', [], fails('ERR_DOH_STATUS'))]);
  await assert.rejects(failover.exchange(QUERY, { deadline: Deadline.after(clock, AWAITED_MS) }), {
    code: 'ERR_DOH_STATUS',
  });
});

test('every upstream receives the client of the query', async () => {
  const clients: (string | undefined)[] = [];
  const noting = (exchange: () => Promise<Uint8Array>): Upstream => ({
    address: 'noting',
    exchange(_query, { client }) {
      clients.push(client);
      return exchange();
    },
    async [Symbol.asyncDispose]() {},
  });
  const clock = new ManualClock();
  const failover = create(clock, [noting(fails('ERR_TOR_TIMEOUT')), noting(answers)]);
  await failover.exchange(QUERY, { deadline: Deadline.after(clock, AWAITED_MS), client: 'alice' });
  assert.deepEqual(clients, ['alice', 'alice']);
});

test('disposing disposes every upstream', async () => {
  const sent: SentQuery[] = [];
  const failover = create(new ManualClock(), [upstream('a', sent, answers), upstream('b', sent, answers)]);
  await failover[Symbol.asyncDispose]();
  assert.deepEqual(
    sent.map(({ name }) => name),
    ['a disposed', 'b disposed'],
  );
});

test('an unreachable pool is skipped without waiting, and used again once it is reachable', async () => {
  await using rig = await startRig(answer);
  let broken = true;
  await using first = await startRig(answer, {
    connect: (plain) => () => (broken ? Promise.reject(new Dns4torError('ERR_TOR_UNREACHABLE')) : plain()),
  });
  const failover = create(rig.clock, [first.upstream, rig.upstream]);
  const ask = (name: string): Promise<Uint8Array> =>
    failover.exchange(queryFor(name), { deadline: Deadline.after(rig.clock, AWAITED_MS) });
  await ask('one.test');
  assert.equal(rig.clock.now(), 0);
  broken = false;
  await first.clock.advanceAsync(250);
  await waitUntil('the probe has connected', 5000, () => first.upstream.openConnections === 1);
  await ask('two.test');
  assert.deepEqual([first.server.requests.length, rig.server.requests.length], [1, 1]);
});
