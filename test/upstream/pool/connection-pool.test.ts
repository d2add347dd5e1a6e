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
  readonly circuits?: number;
  /** @default as `circuits` */
  readonly candidates?: number;
  readonly seed?: number;
  /** Whether the first query is left to the test. @default false */
  readonly isUnused?: boolean;
}

interface Fixture extends AsyncDisposable {
  readonly pool: ConnectionPool;
  readonly clock: ManualClock;
  readonly counters: Counters;
  readonly network: SimulatedNetwork;
  readonly circuits: readonly SimulatedConnection[];
  /** How each answer came. */
  readonly paths: readonly AnswerPath[];
  /** Asks once, without turning the clock. */
  start(timeoutMs?: number): Promise<Uint8Array>;
  /** Asks once and turns the clock until the answer: how long it took, in milliseconds. */
  ask(timeoutMs?: number): Promise<number>;
  /**
   * Asks once every `pauseMs`, and turns the clock until the last answer: how long each took; Infinity for a failure.
   */
  askMany(count: number, pauseMs: number): Promise<number[]>;
  turn(ms: number): Promise<void>;
}

/** A pool after its audition, over a simulated network without chance, unless a test wants it. */
async function create(options: PoolOptions = {}): Promise<Fixture> {
  const { circuits = 3, candidates = circuits, seed = 1, isUnused = false, ...init } = options;
  const clock = new ManualClock();
  const network = new SimulatedNetwork(clock, createSeededRandom(seed), { hangs: 0, isEven: true, ...init });
  const counters = createCounters(['simulated.test:443'], circuits);
  const budget = new RetryBudget();
  const pool = new ConnectionPool(
    {
      clock,
      random: { fraction: () => 0.5, bytes: (length) => new Uint8Array(length) },
      metrics: counters,
      budget,
      createConnection: (breaker, owner) => network.connect(owner, breaker),
    },
    { address: 'https://simulated.test/', index: 0, size: circuits, candidates, lifetimeMs: LIFETIME_MS },
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
    circuits: network.circuits,
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
  for (const circuit of network.circuits) circuit.asked = 0;
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

/** Of the connections that gave way, the slot and the cause. */
function reconnects(counters: Counters): string[] {
  const counted = counters.totals.reconnects.entries().filter(({ count }) => count > 0);
  return counted.map(({ labels, count }) => `${labels['slot']} ${labels['cause']} ${count}`);
}

const asked = ({ circuits }: Fixture): number[] => circuits.map((circuit) => circuit.asked);
const openOnes = ({ circuits }: Fixture): number[] =>
  circuits.filter(({ isOpen }) => isOpen).map(({ number }) => number);
const median = (times: readonly number[]): number => times.toSorted((a, b) => a - b)[times.length >> 1] as number;
const byNumber =
  (...times: readonly number[]) =>
  (number: number): number =>
    times[number] ?? 1000;

test('of the candidates, those that opened first are kept, and the first query waits for no other', async () => {
  await using fixture = await create({
    circuits: 2,
    candidates: 5,
    typicalMs: byNumber(900, 400, 2000, 300, 700),
  });
  assert.deepEqual(openOnes(fixture), [1, 3]);
  await using cold = await create({ circuits: 2, candidates: 5, typicalMs: byNumber(9000, 9000, 100, 9000, 9000) });
  const [first] = cold.paths;
  assert.ok(first !== undefined && first.sentAt < 300);
});

test('ten candidates for three places make answers faster than three do', async () => {
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

test('an idle machine opens no circuit, and a busy one opens few', async () => {
  await using idle = await create({ candidates: 10 });
  await idle.turn(2 * LIFETIME_MS);
  const opened = idle.circuits.length;
  await idle.turn(24 * 3_600_000);
  assert.equal(idle.circuits.length, opened);
  await using busy = await create({ candidates: 10 });
  await busy.askMany(3600, 1000);
  assert.ok(busy.circuits.length <= 140, `${busy.circuits.length}`);
});

test('a candidate that is clearly faster takes the place of the slowest circuit', async () => {
  await using fixture = await create({ circuits: 2, typicalMs: byNumber(400, 600, 100) });
  await fixture.askMany(40, 500);
  assert.deepEqual(openOnes(fixture), [0, 2]);
  assert.deepEqual(reconnects(fixture.counters), ['1 slow 1']);
});

test('a candidate that is not faster is closed at once', async () => {
  await using fixture = await create({ circuits: 2, typicalMs: byNumber(400, 600, 590) });
  await fixture.askMany(40, 500);
  assert.ok(fixture.circuits.length > 2);
  assert.deepEqual(openOnes(fixture), [0, 1]);
});

test('a query goes to the circuit with the lowest estimate', async () => {
  await using fixture = await create({ typicalMs: byNumber(800, 200, 500) });
  await fixture.ask();
  assert.deepEqual(asked(fixture).slice(0, 3), [0, 1, 0]);
});

test('round trips show that a circuit has become faster, without a query on it', async () => {
  await using fixture = await create({ circuits: 2, typicalMs: byNumber(500, 1000) });
  const [, second] = fixture.circuits;
  assert.ok(second !== undefined);
  second.typicalMs = 100;
  await fixture.askMany(60, 1000);
  second.asked = 0;
  await fixture.askMany(10, 1000);
  assert.ok(second.asked >= 10, `${second.asked}`);
});

test('a query that is never answered does not push the others away from its circuit', async () => {
  await using fixture = await create({ circuits: 2, typicalMs: byNumber(100, 2000), hangs: 0.05 });
  await fixture.askMany(200, 100);
  const [first, second] = fixture.circuits;
  assert.ok(first !== undefined && second !== undefined);
  // What the second got are hedges.
  assert.ok(first.asked >= 195, `${first.asked}`);
});

test('a circuit that is silent to all later queries, too, is not asked first again', async () => {
  await using fixture = await create({ circuits: 2, typicalMs: byNumber(100, 300) });
  const [first] = fixture.circuits;
  assert.ok(first !== undefined);
  first.isSilent = true;
  await fixture.ask();
  first.asked = 0;
  await fixture.ask();
  assert.equal(first.asked, 0);
});

test('queries spread over several circuits only if a circuit becomes slower under load', async () => {
  const share = async (loadSensitivity: number): Promise<number> => {
    await using fixture = await create({ circuits: 2, typicalMs: byNumber(300, 330) });
    for (const circuit of fixture.circuits) circuit.loadSensitivity = loadSensitivity;
    await fixture.askMany(1500, 30);
    const [first, second] = asked(fixture) as [number, number];
    return Math.min(first, second) / (first + second);
  };
  assert.ok((await share(0)) < 0.25);
  assert.ok((await share(0.3)) > 0.3);
});

test('a late query goes to the second best circuit as well, after the time of the first one, and the first answer wins', async () => {
  await using fixture = await create({ typicalMs: byNumber(800, 100, 400) });
  const [, best] = fixture.circuits;
  assert.ok(best !== undefined);
  best.isSilent = true;
  const startedAt = fixture.clock.now();
  await fixture.ask();
  assert.deepEqual(asked(fixture).slice(0, 3), [0, 1, 1]);
  assert.deepEqual(hedges(fixture.counters), { sent: 1, won: 1 });
  const path = fixture.paths.at(-1);
  assert.ok(path?.secondTry === true && path.sentAt - startedAt >= 150 && path.sentAt - startedAt <= 400);
});

test('hedges are sent only as long as the budget pays for them', async () => {
  await using fixture = await create();
  for (const circuit of fixture.circuits) circuit.isSilent = true;
  const all = Array.from({ length: 200 }, () => fixture.start(6000).catch(() => {}));
  await fixture.turn(7000);
  await Promise.all(all);
  const { sent = 0 } = hedges(fixture.counters);
  assert.ok(sent > 0 && sent <= 11, `${sent}`);
});

test('ERR_DEADLINE at the deadline if nothing answers', async () => {
  await using fixture = await create();
  for (const circuit of fixture.circuits) circuit.isSilent = true;
  await assert.rejects(fixture.ask(3000), { code: 'ERR_DEADLINE' });
});

test('an abandoned query is counted as such', async () => {
  await using fixture = await create({ circuits: 1 });
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
    test(`one circuit in three gives ${what} at once: no lookup fails (every third from ${turned})`, async () => {
      await using fixture = await create({
        candidates: 10,
        fault: (circuit) => (circuit % 3 === turned ? fault : undefined),
        typicalMs: (circuit) => (circuit % 3 === turned ? 100 : 200),
      });
      const before = fixture.network.queries;
      const times = await fixture.askMany(120, 100);
      assert.equal(times.filter((time) => time === Infinity).length, 0);
      assert.ok(fixture.network.queries - before < 1.3 * 120, `${fixture.network.queries - before}`);
      assert.ok(
        fixture.circuits.every(({ number, isOpen }) => !isOpen || number % 3 !== turned),
        'a circuit that is turned away is still open',
      );
    });
  }
}

test('a refusal of the question is given if two circuits agree, and costs no circuit its place', async () => {
  await using fixture = await create();
  await fixture.askMany(10, 500);
  const before = fixture.circuits.length;
  const rcodes: number[] = [];
  fixture.network.init.fault = () => withRcode(2);
  for (let i = 0; i < 3; i++) {
    const asking = fixture.start();
    await fixture.turn(20_000);
    rcodes.push(((await asking)[3] as number) & 15);
  }
  assert.deepEqual(rcodes, [2, 2, 2]);
  assert.ok(fixture.circuits.length - before <= 1);
});

test('while nobody gets a usable answer, queries are not doubled and new circuits become rare', async () => {
  await using fixture = await create();
  fixture.network.init.fault = () => () => new DohStatusError(503);
  const before = { queries: fixture.network.queries, circuits: fixture.circuits.length };
  const times = await fixture.askMany(600, 1000);
  assert.ok(times.every((time) => time === Infinity));
  assert.ok(fixture.network.queries - before.queries < 2 * 600, `${fixture.network.queries - before.queries}`);
  assert.ok(fixture.circuits.length - before.circuits <= 35, `${fixture.circuits.length - before.circuits}`);
});

test('a query that is turned away while the breaker is open fails at once', async () => {
  // Three attempts fail, the fourth connects, and the fifth goes on.
  await using fixture = await create({
    circuits: 1,
    isUnopenable: (circuit) => circuit < 3,
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

test('a query that waits for a candidate fails when the candidate cannot be opened, not at its deadline', async () => {
  await using fixture = await create({
    circuits: 1,
    isUnopenable: (circuit) => circuit > 0,
    fault: () => () => new DohStatusError(503),
    typicalMs: byNumber(100, 1000),
    isUnused: true,
  });
  const startedAt = fixture.clock.now();
  await assert.rejects(fixture.ask(), { code: 'ERR_DOH_STATUS' });
  assert.ok(fixture.clock.now() - startedAt < 5000, `${fixture.clock.now() - startedAt}`);
});

test('a query that waits for a candidate fails when the candidate is not kept', async () => {
  // One circuit fails for this query only, and is known to work by the time that the slower candidate is open.
  const other = queryFor('other.test');
  await using fixture = await create({
    circuits: 1,
    fault: (circuit) =>
      circuit === 0 ? (query) => (query[13] === other[13] ? answerTo(query) : new DohStatusError(503)) : undefined,
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
  assert.equal(fixture.circuits[1]?.isOpen, false);
  assert.ok(fixture.clock.now() - startedAt < 5000);
});

test('a circuit gets no query before Retry-After has passed, though it is the fastest', async () => {
  await using fixture = await create({ circuits: 2, typicalMs: byNumber(100, 300) });
  const [first] = fixture.circuits;
  assert.ok(first !== undefined);
  fixture.network.init.fault = (circuit) => (circuit === 0 ? () => new DohStatusError(429, 10_000) : undefined);
  await fixture.ask();
  fixture.network.init.fault = undefined;
  first.asked = 0;
  await fixture.askMany(9, 1000);
  assert.equal(first.asked, 0);
});

test('a connection that answers no query is replaced, and one that answers most is not', async () => {
  await using fixture = await create({ circuits: 1, typicalMs: () => 300 });
  const [first] = fixture.circuits;
  assert.ok(first !== undefined);
  first.isSilent = true;
  const times = await fixture.askMany(30, 1000);
  // The queries that were in flight when it was found out are retried, except the first three.
  assert.ok(
    times.slice(3).every((time) => time < 15_000),
    times.join(' '),
  );
  assert.deepEqual(reconnects(fixture.counters), ['0 stalled 1']);
  await using other = await create({ circuits: 1, hangs: 0.3 });
  await other.askMany(60, 1000);
  assert.ok(reconnects(other.counters).every((line) => !line.includes('stalled')));
});

test('when their lifetime is over, all circuits are replaced together, and no query crosses over', async () => {
  await using fixture = await create({ typicalMs: () => 300 });
  const early = fixture.circuits.slice();
  await fixture.turn(LIFETIME_MS - 65_000);
  for (const circuit of early) circuit.isSilent = true;
  const slow = assert.rejects(fixture.start(60_000));
  await fixture.turn(70_000);
  assert.deepEqual(
    early.map(({ isOpen }) => isOpen),
    [false, false, false],
  );
  await fixture.ask();
  const late = fixture.circuits.slice(3);
  assert.equal(late.filter(({ isOpen }) => isOpen).length, 3);
  assert.equal(
    late.reduce((sum, circuit) => sum + circuit.asked, 0),
    1,
  );
  await slow;
});

test('a query that is in flight at a rotation is answered by its own generation', async () => {
  await using fixture = await create({ circuits: 1, typicalMs: () => 300 });
  const [first] = fixture.circuits;
  assert.ok(first !== undefined);
  await fixture.ask();
  await fixture.turn(LIFETIME_MS - 70_000);
  const asking = fixture.start(600_000);
  await fixture.turn(20_000);
  await asking;
  assert.equal(fixture.circuits[1]?.asked, 0);
});

test('after a change of network all circuits are replaced at once', async () => {
  await using fixture = await create();
  fixture.pool.renewAll();
  await fixture.turn(60_000);
  assert.deepEqual(openOnes(fixture), [3, 4, 5]);
  assert.deepEqual(reconnects(fixture.counters), ['0 network 1', '1 network 1', '2 network 1']);
});

test('each slot tells whether its circuit is open and in which time it is expected to answer', async () => {
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

test('nothing is left behind after the end', async () => {
  const fixture = await create({ candidates: 10 });
  void fixture.start().catch(() => {});
  await fixture.pool[Symbol.asyncDispose]();
  await fixture.turn(600_000);
  assert.equal(fixture.clock.pendingTimers, 0);
  assert.deepEqual(openOnes(fixture), []);
});
