import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { Deadline } from '../../../src/lib/deadline.ts';
import { Dns4torError } from '../../../src/failures/errors.ts';
import { type Counters, createCounters } from '../../../src/metrics/counters.ts';
import { ConnectionPool } from '../../../src/upstream/pool/connection-pool.ts';
import { DohStatusError } from '../../../src/upstream/transport/doh-request.ts';
import { RetryBudget } from '../../../src/upstream/pool/retry-budget.ts';
import type { AnswerPath } from '../../../src/upstream/upstream.ts';
import { createSeededRandom } from '../../../bench/onion/seeded-random.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { answerTo, queryFor } from '../rig.ts';
import { type NetworkInit, type SimulatedConnection, SimulatedNetwork } from '../simulated-network.ts';

const QUERY = queryFor('name.test');
const LIFETIME_MS = 600_000;

interface PoolOptions extends NetworkInit {
  /** @default 3 */
  readonly connections?: number;
  /** @default as `connections` */
  readonly candidates?: number;
  readonly seed?: number;
  /** Whether the test sends the first query itself. @default false */
  readonly isUnused?: boolean;
}

interface Fixture extends AsyncDisposable {
  readonly pool: ConnectionPool;
  readonly clock: ManualClock;
  readonly counters: Counters;
  readonly network: SimulatedNetwork;
  readonly connections: readonly SimulatedConnection[];
  /** Path of each answer. */
  readonly paths: readonly AnswerPath[];
  /** Sends one query without advancing the clock. */
  start(timeoutMs?: number): Promise<Uint8Array>;
  /** Sends one query, advances the clock until the answer, and returns the response time in milliseconds. */
  ask(timeoutMs?: number): Promise<number>;
  /**
   * Sends a query every `pauseMs`, and advances the clock until the last answer. Returns the response times in
   * milliseconds; Infinity for a failure.
   */
  askMany(count: number, pauseMs: number): Promise<number[]>;
  turn(ms: number): Promise<void>;
}

/** A pool that has chosen its connections, over a simulated network without randomness unless `init` asks for it. */
async function create(options: PoolOptions = {}): Promise<Fixture> {
  const { connections = 3, candidates = connections, seed = 1, isUnused = false, ...init } = options;
  const clock = new ManualClock();
  const network = new SimulatedNetwork(clock, createSeededRandom(seed), { hangs: 0, isEven: true, ...init });
  const counters = createCounters(['simulated.test:443'], connections);
  const budget = new RetryBudget();
  const pool = new ConnectionPool(
    {
      clock,
      random: { fraction: () => 0.5, bytes: (length) => new Uint8Array(length) },
      metrics: counters,
      budget,
      createConnection: (breaker, owner) => network.connect(owner, breaker),
    },
    { address: 'https://simulated.test/', index: 0, size: connections, candidates, lifetimeMs: LIFETIME_MS },
  );
  const paths: AnswerPath[] = [];
  const start = (timeoutMs = 20_000): Promise<Uint8Array> => {
    budget.earn();
    return pool.exchange(QUERY, { deadline: Deadline.after(clock, timeoutMs), onAnswer: (path) => paths.push(path) });
  };
  const timed = async (timeoutMs?: number): Promise<number> => {
    const startedAt = clock.now();
    await start(timeoutMs);
    return clock.now() - startedAt;
  };
  const turnUntil = async <T>(work: Promise<T>): Promise<T> => {
    const state = { done: false };
    const settled = work.finally(() => (state.done = true));
    settled.catch(() => {});
    await setImmediate();
    while (!state.done) await clock.advanceAsync(clock.untilNextMs ?? 1);
    return settled;
  };
  const fixture: Fixture = {
    pool,
    clock,
    counters,
    network,
    connections: network.connections,
    paths,
    start,
    ask: (timeoutMs) => turnUntil(timed(timeoutMs)),
    async askMany(count, pauseMs) {
      const asked: Promise<number>[] = [];
      for (let i = 0; i < count; i++) {
        asked.push(timed().catch(() => Infinity));
        await clock.advanceAsync(pauseMs);
      }
      return turnUntil(Promise.all(asked));
    },
    turn: (ms) => clock.advanceAsync(ms),
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  };
  if (isUnused) return fixture;
  await fixture.ask();
  await fixture.turn(60_000);
  for (const connection of network.connections) connection.asked = 0;
  return fixture;
}

function hedges(counters: Counters): Record<string, number> {
  const events: Record<string, number> = {};
  for (const { labels, count } of counters.totals.hedges.entries()) {
    const { event = '' } = labels;
    events[event] = (events[event] ?? 0) + count;
  }
  return events;
}

/** Slot, cause and count of replaced connections. */
function reconnects(counters: Counters): string[] {
  const counted = counters.totals.reconnects.entries().filter(({ count }) => count > 0);
  return counted.map(({ labels, count }) => `${labels['slot']} ${labels['cause']} ${count}`);
}

const asked = ({ connections }: Fixture): number[] => connections.map((connection) => connection.asked);
const openOnes = ({ connections }: Fixture): number[] =>
  connections.filter(({ isOpen }) => isOpen).map(({ number }) => number);
const median = (times: readonly number[]): number => times.toSorted((a, b) => a - b)[times.length >> 1] as number;
const byNumber =
  (...times: readonly number[]) =>
  (number: number): number =>
    times[number] ?? 1000;

test('the candidates that open first are kept, and the first query waits only for the first one', async () => {
  await using fixture = await create({
    connections: 2,
    candidates: 5,
    typicalMs: byNumber(900, 400, 2000, 300, 700),
  });
  assert.deepEqual(openOnes(fixture), [1, 3]);
  await using cold = await create({ connections: 2, candidates: 5, typicalMs: byNumber(9000, 9000, 100, 9000, 9000) });
  const [first] = cold.paths;
  assert.ok(first !== undefined && first.sentAt < 300);
});

test('ten candidates for three slots give faster answers than three candidates', async () => {
  const medians = { 3: [] as number[], 10: [] as number[] };
  for (let seed = 1; seed <= 40; seed++) {
    for (const candidates of [3, 10] as const) {
      await using fixture = await create({ candidates, seed, isEven: false });
      medians[candidates].push(Math.log(median(await fixture.askMany(30, 100))));
    }
  }
  const mean = (logs: readonly number[]): number => Math.exp(logs.reduce((a, b) => a + b) / logs.length);
  assert.ok(mean(medians[10]) < 0.8 * mean(medians[3]), `${mean(medians[10])} ${mean(medians[3])}`);
});

test('an idle pool opens no connections, and a busy one opens few', async () => {
  await using idle = await create({ candidates: 10 });
  await idle.turn(2 * LIFETIME_MS);
  const opened = idle.connections.length;
  await idle.turn(24 * 3_600_000);
  assert.equal(idle.connections.length, opened);
  await using busy = await create({ candidates: 10 });
  await busy.askMany(3600, 1000);
  assert.ok(busy.connections.length <= 140, `${busy.connections.length}`);
});

test('a clearly faster candidate replaces the slowest connection', async () => {
  await using fixture = await create({ connections: 2, typicalMs: byNumber(400, 600, 100) });
  await fixture.askMany(40, 500);
  assert.deepEqual(openOnes(fixture), [0, 2]);
  assert.deepEqual(reconnects(fixture.counters), ['1 slow 1']);
});

test('a candidate that is not clearly faster is closed at once', async () => {
  await using fixture = await create({ connections: 2, typicalMs: byNumber(400, 600, 590) });
  await fixture.askMany(40, 500);
  assert.ok(fixture.connections.length > 2);
  assert.deepEqual(openOnes(fixture), [0, 1]);
});

test('a query goes to the connection with the lowest estimate', async () => {
  await using fixture = await create({ typicalMs: byNumber(800, 200, 500) });
  await fixture.ask();
  assert.deepEqual(asked(fixture).slice(0, 3), [0, 1, 0]);
});

test('round trips lower the estimate of a connection that carries no queries', async () => {
  await using fixture = await create({ connections: 2, typicalMs: byNumber(500, 1000) });
  const [, second] = fixture.connections;
  assert.ok(second !== undefined);
  second.typicalMs = 100;
  await fixture.askMany(60, 1000);
  second.asked = 0;
  await fixture.askMany(10, 1000);
  assert.ok(second.asked >= 10, `${second.asked}`);
});

test('one query that is never answered does not move other queries to another connection', async () => {
  await using fixture = await create({ connections: 2, typicalMs: byNumber(100, 2000), hangs: 0.05 });
  await fixture.askMany(200, 100);
  const [first, second] = fixture.connections;
  assert.ok(first !== undefined && second !== undefined);
  // The second connection received only hedges.
  assert.ok(first.asked >= 195, `${first.asked}`);
});

test('a connection that answers no later query either is no longer the first choice', async () => {
  await using fixture = await create({ connections: 2, typicalMs: byNumber(100, 300) });
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
    await using fixture = await create({ connections: 2, typicalMs: byNumber(300, 330) });
    for (const connection of fixture.connections) connection.loadSensitivity = loadSensitivity;
    await fixture.askMany(1500, 30);
    const [first, second] = asked(fixture) as [number, number];
    return Math.min(first, second) / (first + second);
  };
  assert.ok((await share(0)) < 0.25);
  assert.ok((await share(0.3)) > 0.3);
});

test('a late query is hedged on the second best connection, and the first answer wins', async () => {
  await using fixture = await create({ typicalMs: byNumber(800, 100, 400) });
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
  await using fixture = await create();
  for (const connection of fixture.connections) connection.isSilent = true;
  const all = Array.from({ length: 200 }, () => fixture.start(6000).catch(() => {}));
  await fixture.turn(7000);
  await Promise.all(all);
  const { sent = 0 } = hedges(fixture.counters);
  assert.ok(sent > 0 && sent <= 11, `${sent}`);
});

test('an unanswered query rejects with ERR_DEADLINE at its deadline', async () => {
  await using fixture = await create();
  for (const connection of fixture.connections) connection.isSilent = true;
  await assert.rejects(fixture.ask(3000), { code: 'ERR_DEADLINE' });
});

test('an abandoned query counts as ERR_GIVEN_UP', async () => {
  await using fixture = await create({ connections: 1 });
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

const withRcode = (rcode: number) => (query: Uint8Array) => {
  const response = answerTo(query);
  response[3] = ((response[3] as number) & 0xf0) | rcode;
  return response;
};
const UNUSABLE: Readonly<Record<string, (query: Uint8Array) => Uint8Array | Dns4torError>> = {
  'HTTP status 403': () => new DohStatusError(403),
  'HTTP status 302': () => new DohStatusError(302),
  'HTTP status 429 with Retry-After': () => new DohStatusError(429, 30_000),
  'a web page': () => new Dns4torError('ERR_DOH_CONTENT_TYPE'),
  'a body that is not DNS': () => Uint8Array.of(1, 2, 3),
  SERVFAIL: withRcode(2),
  REFUSED: withRcode(5),
};

for (const [what, fault] of Object.entries(UNUSABLE)) {
  for (const turned of [0, 1, 2]) {
    test(`every third connection gives ${what} at once: no lookup fails (offset ${turned})`, async () => {
      await using fixture = await create({
        candidates: 10,
        fault: (connection) => (connection % 3 === turned ? fault : undefined),
        typicalMs: (connection) => (connection % 3 === turned ? 100 : 200),
      });
      const before = fixture.network.queries;
      const times = await fixture.askMany(120, 100);
      assert.equal(times.filter((time) => time === Infinity).length, 0);
      assert.ok(fixture.network.queries - before < 1.3 * 120, `${fixture.network.queries - before}`);
      assert.ok(
        fixture.connections.every(({ number, isOpen }) => !isOpen || number % 3 !== turned),
        'a connection with unusable responses is still open',
      );
    });
  }
}

test('SERVFAIL is returned if two connections agree, and neither is replaced', async () => {
  await using fixture = await create();
  await fixture.askMany(10, 500);
  const before = fixture.connections.length;
  const rcodes: number[] = [];
  fixture.network.init.fault = () => withRcode(2);
  for (let i = 0; i < 3; i++) {
    const asking = fixture.start();
    await fixture.turn(20_000);
    rcodes.push(((await asking)[3] as number) & 15);
  }
  assert.deepEqual(rcodes, [2, 2, 2]);
  assert.ok(fixture.connections.length - before <= 1);
});

test('while no connection gives usable answers, queries are not doubled and new connections become rare', async () => {
  await using fixture = await create();
  fixture.network.init.fault = () => () => new DohStatusError(503);
  const before = { queries: fixture.network.queries, connections: fixture.connections.length };
  const times = await fixture.askMany(600, 1000);
  assert.ok(times.every((time) => time === Infinity));
  assert.ok(fixture.network.queries - before.queries < 2 * 600, `${fixture.network.queries - before.queries}`);
  assert.ok(
    fixture.connections.length - before.connections <= 35,
    `${fixture.connections.length - before.connections}`,
  );
});

test('a query with an unusable response fails at once while the breaker is open', async () => {
  // Three attempts fail, the fourth connects, and the fifth is still in progress.
  await using fixture = await create({
    connections: 1,
    isUnopenable: (connection) => connection < 3,
    fault: () => () => new DohStatusError(503),
    typicalMs: byNumber(100, 100, 100, 100, 100_000),
    isUnused: true,
  });
  await assert.rejects(fixture.ask(), { code: 'ERR_TOR_TIMEOUT' });
  await fixture.turn(5000);
  assert.deepEqual(fixture.pool.breakerStates, ['open']);
  assert.equal(fixture.pool.openConnections, 1);
  await assert.rejects(fixture.ask(), { code: 'ERR_DOH_STATUS' });
});

test('a query that waits for a candidate fails as soon as the candidate cannot be opened', async () => {
  await using fixture = await create({
    connections: 1,
    isUnopenable: (connection) => connection > 0,
    fault: () => () => new DohStatusError(503),
    typicalMs: byNumber(100, 1000),
    isUnused: true,
  });
  const startedAt = fixture.clock.now();
  await assert.rejects(fixture.ask(), { code: 'ERR_DOH_STATUS' });
  assert.ok(fixture.clock.now() - startedAt < 5000, `${fixture.clock.now() - startedAt}`);
});

test('a query that waits for a candidate fails as soon as the candidate is discarded', async () => {
  // The first connection fails for this query only. It has proved reliable when the slower candidate opens.
  const other = queryFor('other.test');
  await using fixture = await create({
    connections: 1,
    fault: (connection) =>
      connection === 0 ? (query) => (query[13] === other[13] ? answerTo(query) : new DohStatusError(503)) : undefined,
    typicalMs: byNumber(100, 1000),
    isUnused: true,
  });
  const startedAt = fixture.clock.now();
  const failing = assert.rejects(fixture.start(), { code: 'ERR_DOH_STATUS' });
  await fixture.turn(600);
  const answered = fixture.pool.exchange(other, { deadline: Deadline.after(fixture.clock, 20_000) });
  await fixture.turn(4000);
  await answered;
  await failing;
  assert.equal(fixture.connections[1]?.isOpen, false);
  assert.ok(fixture.clock.now() - startedAt < 5000);
});

test('a connection gets no query while Retry-After is in force, even if it is the fastest', async () => {
  await using fixture = await create({ connections: 2, typicalMs: byNumber(100, 300) });
  const [first] = fixture.connections;
  assert.ok(first !== undefined);
  fixture.network.init.fault = (connection) => (connection === 0 ? () => new DohStatusError(429, 10_000) : undefined);
  await fixture.ask();
  fixture.network.init.fault = undefined;
  first.asked = 0;
  await fixture.askMany(9, 1000);
  assert.equal(first.asked, 0);
});

test('a connection that answers no query is replaced; one that answers most is kept', async () => {
  await using fixture = await create({ connections: 1, typicalMs: () => 300 });
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
  await using other = await create({ connections: 1, hangs: 0.3 });
  await other.askMany(60, 1000);
  assert.ok(reconnects(other.counters).every((line) => !line.includes('stalled')));
});

test('at the end of the lifetime all connections are replaced together, and no query changes generation', async () => {
  await using fixture = await create({ typicalMs: () => 300 });
  const early = fixture.connections.slice();
  await fixture.turn(LIFETIME_MS - 65_000);
  for (const connection of early) connection.isSilent = true;
  const slow = assert.rejects(fixture.start(60_000));
  await fixture.turn(70_000);
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
  await using fixture = await create({ connections: 1, typicalMs: () => 300 });
  const [first] = fixture.connections;
  assert.ok(first !== undefined);
  await fixture.ask();
  await fixture.turn(LIFETIME_MS - 70_000);
  const asking = fixture.start(600_000);
  await fixture.turn(20_000);
  await asking;
  assert.equal(fixture.connections[1]?.asked, 0);
});

test('after a change of network all connections are replaced at once', async () => {
  await using fixture = await create();
  fixture.pool.renewAll();
  await fixture.turn(60_000);
  assert.deepEqual(openOnes(fixture), [3, 4, 5]);
  assert.deepEqual(reconnects(fixture.counters), ['0 network 1', '1 network 1', '2 network 1']);
});

test('each slot reports its state and expected response time', async () => {
  await using fixture = await create({ typicalMs: byNumber(300, 400, 500) });
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
  const fixture = await create({ candidates: 10 });
  void fixture.start().catch(() => {});
  await fixture.pool[Symbol.asyncDispose]();
  await fixture.turn(600_000);
  assert.equal(fixture.clock.pendingTimers, 0);
  assert.deepEqual(openOnes(fixture), []);
});
