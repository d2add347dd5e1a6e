import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Deadline } from '../../../src/lib/deadline.ts';
import {
  asked,
  byNumber,
  createPool,
  hedges,
  LIFETIME_MS,
  median,
  openOnes,
  QUERY,
  reconnects,
} from '../simulated-pool.ts';

test('the candidates that open first are kept, and the first query waits only for the first one', async () => {
  await using fixture = await createPool({
    connections: 2,
    candidates: 5,
    typicalMs: byNumber(900, 400, 2000, 300, 700),
  });
  assert.deepEqual(openOnes(fixture), [1, 3]);
  await using cold = await createPool({
    connections: 2,
    candidates: 5,
    typicalMs: byNumber(9000, 9000, 100, 9000, 9000),
  });
  const [first] = cold.paths;
  assert.ok(first !== undefined && first.sentAt < 300);
});

test('ten candidates for three slots give faster answers than three candidates', async () => {
  const medians = { 3: [] as number[], 10: [] as number[] };
  for (let seed = 1; seed <= 40; seed++) {
    for (const candidates of [3, 10] as const) {
      await using fixture = await createPool({ candidates, seed, isEven: false });
      medians[candidates].push(Math.log(median(await fixture.askMany(30, 100))));
    }
  }
  const mean = (logs: readonly number[]): number => Math.exp(logs.reduce((a, b) => a + b) / logs.length);
  assert.ok(mean(medians[10]) < 0.8 * mean(medians[3]), `${mean(medians[10])} ${mean(medians[3])}`);
});

test('an idle pool opens no connections, and a busy one opens few', async () => {
  await using idle = await createPool({ candidates: 10 });
  await idle.advance(2 * LIFETIME_MS);
  const opened = idle.connections.length;
  await idle.advance(24 * 3_600_000);
  assert.equal(idle.connections.length, opened);
  await using busy = await createPool({ candidates: 10 });
  await busy.askMany(3600, 1000);
  assert.ok(busy.connections.length <= 140, `${busy.connections.length}`);
});

test('a clearly faster candidate replaces the slowest connection', async () => {
  await using fixture = await createPool({ connections: 2, typicalMs: byNumber(400, 600, 100) });
  await fixture.askMany(40, 500);
  assert.deepEqual(openOnes(fixture), [0, 2]);
  assert.deepEqual(reconnects(fixture.counters), ['1 slow 1']);
});

test('a candidate that is not clearly faster is closed at once', async () => {
  await using fixture = await createPool({ connections: 2, typicalMs: byNumber(400, 600, 590) });
  await fixture.askMany(40, 500);
  assert.ok(fixture.connections.length > 2);
  assert.deepEqual(openOnes(fixture), [0, 1]);
});

test('a query goes to the connection with the lowest estimate', async () => {
  await using fixture = await createPool({ typicalMs: byNumber(800, 200, 500) });
  await fixture.ask();
  assert.deepEqual(asked(fixture).slice(0, 3), [0, 1, 0]);
});

test('round trips lower the estimate of a connection that carries no queries', async () => {
  await using fixture = await createPool({ connections: 2, typicalMs: byNumber(500, 1000) });
  const [, second] = fixture.connections;
  assert.ok(second !== undefined);
  second.typicalMs = 100;
  await fixture.askMany(60, 1000);
  second.asked = 0;
  await fixture.askMany(10, 1000);
  assert.ok(second.asked >= 10, `${second.asked}`);
});

test('one query that is never answered does not move other queries to another connection', async () => {
  await using fixture = await createPool({ connections: 2, typicalMs: byNumber(100, 2000), hangs: 0.05 });
  await fixture.askMany(200, 100);
  const [first, second] = fixture.connections;
  assert.ok(first !== undefined && second !== undefined);
  // The second connection received only hedges.
  assert.ok(first.asked >= 195, `${first.asked}`);
});

test('a connection that answers no later query either is no longer the first choice', async () => {
  await using fixture = await createPool({ connections: 2, typicalMs: byNumber(100, 300) });
  const [first] = fixture.connections;
  assert.ok(first !== undefined);
  first.isSilent = true;
  await fixture.ask();
  first.asked = 0;
  await fixture.ask();
  assert.equal(first.asked, 0);
});

test('queries spread over connections only if load makes a connection slower', async () => {
  const share = async (loadSensitivity: number): Promise<number> => {
    await using fixture = await createPool({ connections: 2, typicalMs: byNumber(300, 330) });
    for (const connection of fixture.connections) connection.loadSensitivity = loadSensitivity;
    await fixture.askMany(1500, 30);
    const [first, second] = asked(fixture) as [number, number];
    return Math.min(first, second) / (first + second);
  };
  assert.ok((await share(0)) < 0.25);
  assert.ok((await share(0.3)) > 0.3);
});

test('a late query is hedged on the second best connection, and the first answer wins', async () => {
  await using fixture = await createPool({ typicalMs: byNumber(800, 100, 400) });
  const [, best] = fixture.connections;
  assert.ok(best !== undefined);
  best.isSilent = true;
  const startedAt = fixture.clock.now();
  await fixture.ask();
  assert.deepEqual(asked(fixture).slice(0, 3), [0, 1, 1]);
  assert.deepEqual(hedges(fixture.counters), { sent: 1, won: 1 });
  const path = fixture.paths.at(-1);
  assert.ok(path?.secondTry === true && path.sentAt - startedAt >= 150 && path.sentAt - startedAt <= 400);
});

test('hedges stop when the budget is spent', async () => {
  await using fixture = await createPool();
  for (const connection of fixture.connections) connection.isSilent = true;
  const all = Array.from({ length: 200 }, () => fixture.start(6000).catch(() => {}));
  await fixture.advance(7000);
  await Promise.all(all);
  const { sent = 0 } = hedges(fixture.counters);
  assert.ok(sent > 0 && sent <= 11, `${sent}`);
});

test('an unanswered query rejects with ERR_DEADLINE at its deadline', async () => {
  await using fixture = await createPool();
  for (const connection of fixture.connections) connection.isSilent = true;
  await assert.rejects(fixture.ask(3000), { code: 'ERR_DEADLINE' });
});

test('an abandoned query counts as ERR_GIVEN_UP', async () => {
  await using fixture = await createPool({ connections: 1 });
  const ending = new AbortController();
  const given = fixture.pool.exchange(QUERY, { deadline: new Deadline(fixture.clock, 600_000, ending.signal) });
  await setImmediate();
  ending.abort();
  await assert.rejects(given, { code: 'ERR_GIVEN_UP' });
  const outcomes = fixture.counters.totals.exchanges.entries().filter(({ count }) => count > 0);
  assert.deepEqual(
    outcomes.map(({ labels }) => labels['outcome']),
    ['ok', 'given_up'],
  );
});

test('a connection that answers no query is replaced; one that answers most is kept', async () => {
  await using fixture = await createPool({ connections: 1, typicalMs: () => 300 });
  const [first] = fixture.connections;
  assert.ok(first !== undefined);
  first.isSilent = true;
  const times = await fixture.askMany(30, 1000);
  // Queries in flight when the stall is detected are retried, except the first three.
  assert.ok(
    times.slice(3).every((time) => time < 15_000),
    times.join(' '),
  );
  assert.deepEqual(reconnects(fixture.counters), ['0 stalled 1']);
  await using other = await createPool({ connections: 1, hangs: 0.3 });
  await other.askMany(60, 1000);
  assert.ok(reconnects(other.counters).every((line) => !line.includes('stalled')));
});

test('at the end of the lifetime all connections are replaced together, and no query changes generation', async () => {
  await using fixture = await createPool({ typicalMs: () => 300 });
  const early = fixture.connections.slice();
  await fixture.advance(LIFETIME_MS - 65_000);
  for (const connection of early) connection.isSilent = true;
  const slow = assert.rejects(fixture.start(60_000));
  await fixture.advance(70_000);
  assert.deepEqual(
    early.map(({ isOpen }) => isOpen),
    [false, false, false],
  );
  await fixture.ask();
  const late = fixture.connections.slice(3);
  assert.equal(late.filter(({ isOpen }) => isOpen).length, 3);
  assert.equal(
    late.reduce((sum, connection) => sum + connection.asked, 0),
    1,
  );
  await slow;
});

test('a query in flight at a rotation is answered in its own generation', async () => {
  await using fixture = await createPool({ connections: 1, typicalMs: () => 300 });
  const [first] = fixture.connections;
  assert.ok(first !== undefined);
  await fixture.ask();
  await fixture.advance(LIFETIME_MS - 70_000);
  const asking = fixture.start(600_000);
  await fixture.advance(20_000);
  await asking;
  assert.equal(fixture.connections[1]?.asked, 0);
});

test('after a change of network all connections are replaced at once', async () => {
  await using fixture = await createPool();
  fixture.pool.renewAll();
  await fixture.advance(60_000);
  assert.deepEqual(openOnes(fixture), [3, 4, 5]);
  assert.deepEqual(reconnects(fixture.counters), ['0 network 1', '1 network 1', '2 network 1']);
});

test('each slot reports its state and expected response time', async () => {
  await using fixture = await createPool({ typicalMs: byNumber(300, 400, 500) });
  const expectedMs = fixture.pool.connections.map(({ typicalMs = 0 }) => typicalMs);
  assert.deepEqual(
    fixture.pool.connections.map(({ slot, state, inFlight }) => [slot, state, inFlight]),
    [0, 1, 2].map((slot) => [slot, 'open', 0]),
  );
  assert.deepEqual(
    expectedMs.map((ms, i) => ms > [200, 270, 340][i]! && ms < [400, 530, 660][i]!),
    [true, true, true],
  );
  fixture.pool.renewAll();
  assert.deepEqual(fixture.pool.connections[0], { slot: 0, state: 'connecting', typicalMs: undefined, inFlight: 0 });
});

test('disposing leaves no open connection and no timer', async () => {
  const fixture = await createPool({ candidates: 10 });
  void fixture.start().catch(() => {});
  await fixture.pool[Symbol.asyncDispose]();
  await fixture.advance(600_000);
  assert.equal(fixture.clock.pendingTimers, 0);
  assert.deepEqual(openOnes(fixture), []);
});
