import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { Deadline } from '../../src/lib/deadline.ts';
import { Dns4torError } from '../../src/lib/errors.ts';
import { type Counters, createCounters } from '../../src/metrics/counters.ts';
import type { CircuitConnection } from '../../src/upstream/circuit.ts';
import { CircuitPool } from '../../src/upstream/circuit-pool.ts';
import { ExtraBudget } from '../../src/upstream/extra-budget.ts';
import type { AnswerPath } from '../../src/upstream/upstream.ts';
import { answerTo, queryFor } from './rig.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';

const QUERY = queryFor('name.test');
const LIFETIME_MS = 600_000;

/** An answer to {@link QUERY} that says which circuit gave it. */
function responseFrom(circuit: number): Uint8Array {
  return Buffer.concat([answerTo(QUERY), Uint8Array.of(circuit)]);
}

/** A circuit that answers `delayMs` after it was asked, with its own number. */
class CircuitDouble implements CircuitConnection {
  readonly number: number;
  readonly #clock: ManualClock;
  readonly #onChange: () => void;
  asked = 0;
  isOpen = false;
  isConnecting = false;
  disposed = false;
  isFull = false;
  openable: boolean;
  delayMs = 100;
  failure: Dns4torError | undefined;

  constructor(clock: ManualClock, number: number, openable: boolean, onChange: () => void) {
    this.#onChange = onChange;
    this.#clock = clock;
    this.number = number;
    this.openable = openable;
  }

  get free(): number {
    return this.isOpen && !this.isFull ? 1 : 0;
  }

  get inFlight(): number {
    return 0;
  }

  async open(): Promise<void> {
    if (this.isOpen || !this.openable) return;
    this.isOpen = true;
    this.#onChange();
  }

  exchange(_query: Uint8Array, deadline: Deadline): Promise<Uint8Array> {
    this.asked++;
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const { promise, resolve } = Promise.withResolvers<Uint8Array>();
    if (Number.isFinite(this.delayMs)) this.#clock.schedule(this.delayMs, () => resolve(responseFrom(this.number)));
    return deadline.limit(promise);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disposed = true;
    this.isOpen = false;
  }
}

interface Fixture extends AsyncDisposable {
  readonly pool: CircuitPool;
  readonly clock: ManualClock;
  readonly counters: Counters;
  /** In the order in which they were made. */
  readonly made: readonly CircuitDouble[];
  /** Whether circuits that are made from now on can be connected. */
  readonly world: { openable: boolean };
  /** Asks once and turns the clock until there is an answer: the number of the circuit that gave it. */
  ask(timeoutMs?: number): Promise<number>;
  /** How each answer came. */
  readonly paths: readonly AnswerPath[];
  /** Asks, with nothing happening. */
  start(timeoutMs?: number): Promise<number>;
}

/** @param fraction what chance says: above the share of probes, unless a test wants them */
async function create(circuits = 3, fraction = 0.5): Promise<Fixture> {
  const clock = new ManualClock();
  const counters = createCounters(['double.test:443'], circuits);
  const made: CircuitDouble[] = [];
  const world = { openable: true };
  const budget = new ExtraBudget();
  const pool = new CircuitPool(
    {
      clock,
      metrics: counters,
      budget,
      random: { fraction: () => fraction, bytes: (length) => new Uint8Array(length) },
      createConnection: (_breaker, onChange) => {
        const circuit = new CircuitDouble(clock, made.length, world.openable, onChange);
        made.push(circuit);
        return circuit;
      },
    },
    { address: 'https://double.test/', index: 0, circuits, lifetimeMs: LIFETIME_MS },
  );
  for (const circuit of made) await circuit.open();
  const paths: AnswerPath[] = [];
  const start = async (timeoutMs = 10_000): Promise<number> => {
    budget.earn();
    const response = await pool.exchange(QUERY, Deadline.after(clock, timeoutMs), undefined, (path) =>
      paths.push(path),
    );
    return response.at(-1) ?? -1;
  };
  return {
    pool,
    clock,
    counters,
    made,
    world,
    paths,
    start,
    async ask(timeoutMs) {
      const state = { done: false };
      const answer = start(timeoutMs).finally(() => (state.done = true));
      answer.catch(() => {});
      await setImmediate();
      while (!state.done) await clock.advanceAsync(50);
      return answer;
    },
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  };
}

function hedges(counters: Counters): Record<string, number> {
  const events: Record<string, number> = {};
  for (const { labels, count } of counters.totals.hedges.entries()) {
    const { event = '' } = labels;
    events[event] = (events[event] ?? 0) + count;
  }
  return events;
}

/** Gives every circuit a known response time. */
async function learn(fixture: Fixture, times: readonly number[]): Promise<void> {
  // Those that are made in answer to what is learnt are not among them.
  const made = fixture.made.slice();
  for (let round = 0; round < 4; round++) {
    for (const [number, circuit] of made.entries()) {
      for (const other of made) other.isOpen = other === circuit;
      for (const other of made) other.openable = false;
      circuit.delayMs = times[number] ?? 100;
      assert.equal(await fixture.ask(), number);
    }
  }
  for (const circuit of made) {
    circuit.openable = true;
    circuit.isOpen = true;
    circuit.asked = 0;
  }
}

test('a query goes to the circuit that has answered fastest', async () => {
  await using fixture = await create();
  await learn(fixture, [180, 100, 150]);
  for (let i = 0; i < 5; i++) assert.equal(await fixture.ask(), 1);
  assert.deepEqual(
    fixture.made.map(({ asked }) => asked),
    [0, 5, 0],
  );
});

test('a circuit that has no room is not waited for', async () => {
  await using fixture = await create();
  await learn(fixture, [180, 100, 150]);
  const [, best] = fixture.made;
  assert.ok(best !== undefined);
  best.isFull = true;
  assert.equal(await fixture.ask(), 2);
});

test('a query that takes long goes to the second best as well, and the first answer wins', async () => {
  await using fixture = await create();
  await learn(fixture, [180, 100, 150]);
  const [, first] = fixture.made;
  assert.ok(first !== undefined);
  first.delayMs = Infinity;
  const askedAt = fixture.clock.now();
  assert.equal(await fixture.ask(), 2);
  assert.deepEqual(hedges(fixture.counters), { sent: 1, won: 1 });
  const path = fixture.paths.at(-1);
  assert.deepEqual([path?.upstream, path?.secondTry], ['https://double.test/', true]);
  // When the second was sent, not the first.
  assert.ok(path !== undefined && path.sentAt >= askedAt + 180);
  assert.equal(fixture.paths[0]?.secondTry, false);
});

test('where the second hangs too, the query goes to the third', async () => {
  await using fixture = await create();
  await learn(fixture, [100, 150, 180]);
  const [first, second] = fixture.made;
  assert.ok(first !== undefined && second !== undefined);
  first.delayMs = Infinity;
  second.delayMs = Infinity;
  assert.equal(await fixture.ask(), 2);
  assert.deepEqual(hedges(fixture.counters), { sent: 2, won: 1 });
});

test('a circuit that hangs is not asked first again, before any deadline has passed', async () => {
  await using fixture = await create();
  await learn(fixture, [180, 100, 150]);
  const [, hanging] = fixture.made;
  assert.ok(hanging !== undefined);
  hanging.delayMs = Infinity;
  assert.equal(await fixture.ask(), 2);
  hanging.asked = 0;
  assert.equal(await fixture.ask(), 2);
  assert.equal(hanging.asked, 0);
});

test('second tries are made only as long as the budget pays for them', async () => {
  await using fixture = await create();
  for (const circuit of fixture.made) circuit.delayMs = Infinity;
  for (let i = 0; i < 200; i++) void fixture.start(2000).catch(() => {});
  await fixture.clock.advanceAsync(5000);
  const { sent = 0 } = hedges(fixture.counters);
  assert.ok(sent > 0 && sent <= 10, `${sent}`);
});

test('where a try fails, the next circuit is asked at once, and the last error is passed on', async () => {
  await using fixture = await create();
  const [first, second, third] = fixture.made;
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  first.failure = new Dns4torError('ERR_UPSTREAM_CONNECTION');
  assert.notEqual(await fixture.ask(), 0);
  second.failure = first.failure;
  third.failure = first.failure;
  await assert.rejects(fixture.ask(), { code: 'ERR_UPSTREAM_CONNECTION' });
  assert.equal(hedges(fixture.counters)['sent'], 0);
});

test('nothing answers: ERR_DEADLINE at the deadline', async () => {
  await using fixture = await create();
  for (const circuit of fixture.made) circuit.delayMs = Infinity;
  await assert.rejects(fixture.ask(3000), { code: 'ERR_DEADLINE' });
});

test('an abandoned query leaves the estimate of its circuit alone, and has an outcome of its own', async () => {
  await using fixture = await create(1);
  const [circuit] = fixture.made;
  assert.ok(circuit !== undefined);
  circuit.delayMs = Infinity;
  const ending = new AbortController();
  const given = fixture.pool.exchange(QUERY, new Deadline(fixture.clock, 10_000, ending.signal));
  await setImmediate();
  fixture.clock.advance(5);
  ending.abort();
  await assert.rejects(given, { code: 'ERR_GIVEN_UP' });
  assert.equal(fixture.pool.circuits[0]?.typicalMs, undefined);
  const outcomes = fixture.counters.totals.exchanges.entries().filter(({ count }) => count > 0);
  assert.deepEqual(
    outcomes.map(({ labels }) => labels['outcome']),
    ['given_up'],
  );
  assert.deepEqual(fixture.pool.breakerStates, ['closed']);
});

test('a few queries go to another than the best first', async () => {
  await using fixture = await create(3, 0.01);
  await learn(fixture, [180, 100, 150]);
  assert.notEqual(await fixture.ask(), 1);
});

test('whatever is not open is opened beside the query', async () => {
  await using fixture = await create();
  for (const circuit of fixture.made) circuit.isOpen = false;
  await fixture.ask();
  assert.equal(fixture.pool.openConnections, 3);
});

test('at the end of its life a circuit gives way to a new one, once that is connected', async () => {
  await using fixture = await create(1);
  assert.equal(await fixture.ask(), 0);
  await fixture.clock.advanceAsync(LIFETIME_MS * 1.2);
  assert.equal(fixture.made[0]?.disposed, true);
  assert.equal(await fixture.ask(), 1);
});

test('where no new one can be had, the old circuit goes on, and it is tried again', async () => {
  await using fixture = await create(1);
  assert.equal(await fixture.ask(), 0);
  fixture.world.openable = false;
  await fixture.clock.advanceAsync(LIFETIME_MS * 1.2);
  assert.equal(await fixture.ask(), 0);
  assert.equal(fixture.made[0]?.disposed, false);
  assert.equal(fixture.made[1]?.disposed, true);
});

test('a circuit that takes twice as long as the best is replaced, one at a time', async () => {
  await using fixture = await create();
  await learn(fixture, [150, 100, 300]);
  await fixture.ask();
  await fixture.clock.advanceAsync(1);
  assert.deepEqual(
    fixture.made.map(({ disposed }) => disposed),
    [false, false, true, false],
  );
});

test('all circuits can be given up at once, and those that were in use are opened anew', async () => {
  await using fixture = await create();
  assert.equal(await fixture.ask(), 0);
  fixture.pool.renewAll();
  await fixture.clock.advanceAsync(1);
  assert.deepEqual(
    fixture.made.map(({ disposed }) => disposed),
    [true, true, true, false, false, false],
  );
  assert.equal(fixture.pool.openConnections, 1);
  assert.equal(await fixture.ask(), 3);
});

test('a slow circuit that could not be replaced ends once, and nothing is left behind at the end', async () => {
  const fixture = await create();
  fixture.world.openable = false;
  await learn(fixture, [150, 100, 300]);
  await fixture.clock.advanceAsync(1);
  assert.deepEqual(
    fixture.made.map(({ disposed }) => disposed),
    [false, false, false, true],
  );
  await fixture.pool[Symbol.asyncDispose]();
  assert.equal(fixture.clock.pendingTimers, 0);
});

test('each slot says whether its circuit is open and how long an answer takes over it', async () => {
  await using fixture = await create(3);
  const { pool, made } = fixture;
  made[0]!.delayMs = 300;
  made[1]!.isOpen = false;
  made[2]!.isOpen = false;
  made[2]!.openable = false;
  made[1]!.openable = false;
  made[2]!.isConnecting = true;
  await fixture.ask();
  const [first, ...others] = pool.circuits;
  assert.equal(Math.round(first?.typicalMs ?? 0), 300);
  assert.deepEqual(first, { slot: 0, state: 'open', typicalMs: first?.typicalMs, inFlight: 0 });
  assert.deepEqual(others, [
    { slot: 1, state: 'closed', typicalMs: undefined, inFlight: 0 },
    { slot: 2, state: 'connecting', typicalMs: undefined, inFlight: 0 },
  ]);
});

/** Of the connections that gave way, the slot and the cause. */
function reconnects(counters: Counters): string[] {
  const counted = counters.totals.reconnects.entries().filter(({ count }) => count > 0);
  return counted.map(({ labels, count }) => `${labels['slot']} ${labels['cause']} ${count}`);
}

test('a connection that gives way is counted by its slot, and by why: slow, or the end of its time', async () => {
  await using fixture = await create();
  await learn(fixture, [150, 100, 300]);
  await fixture.ask();
  await fixture.clock.advanceAsync(1);
  assert.deepEqual(reconnects(fixture.counters), ['2 slow 1']);
  await fixture.clock.advanceAsync(LIFETIME_MS * 0.9);
  assert.deepEqual(reconnects(fixture.counters), ['2 slow 1']);
  await fixture.clock.advanceAsync(LIFETIME_MS * 0.15);
  assert.deepEqual(reconnects(fixture.counters), ['0 lifetime 1', '1 lifetime 1', '2 lifetime 1', '2 slow 1']);
});

test('of circuits that are all given up, those count whose connection was open', async () => {
  await using fixture = await create();
  fixture.made[1]!.isOpen = false;
  fixture.pool.renewAll();
  assert.deepEqual(reconnects(fixture.counters), ['0 network 1', '2 network 1']);
});

test('what becomes of a query is counted by the slot of the circuit that it went over', async () => {
  await using fixture = await create();
  await learn(fixture, [180, 100, 150]);
  const before = answered(fixture.counters);
  fixture.made[1]!.delayMs = Infinity;
  await fixture.ask();
  assert.deepEqual(answered(fixture.counters), { ...before, 2: (before[2] ?? 0) + 1 });
  const sent = fixture.counters.totals.hedges.entries().filter(({ count }) => count > 0);
  assert.deepEqual(
    sent.map(({ labels }) => `${labels['slot']} ${labels['event']}`),
    ['2 sent', '2 won'],
  );
});

/** How many answers came over the circuit in each slot. */
function answered(counters: Counters): Record<string, number> {
  const counted = counters.totals.exchanges.entries().filter(({ labels }) => labels['outcome'] === 'ok');
  return Object.fromEntries(counted.map(({ labels, count }) => [labels['slot'] ?? '', count]));
}
