import { setImmediate } from 'node:timers/promises';
import { createSeededRandom } from '../../bench/onion/seeded-random.ts';
import { Deadline } from '../../src/lib/deadline.ts';
import { type Counters, createCounters } from '../../src/metrics/counters.ts';
import { ConnectionPool } from '../../src/upstream/pool/connection-pool.ts';
import { RetryBudget } from '../../src/upstream/pool/retry-budget.ts';
import type { AnswerPath } from '../../src/upstream/upstream.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { queryFor } from './rig.ts';
import { type NetworkInit, type SimulatedConnection, SimulatedNetwork } from './simulated-network.ts';

export const QUERY = queryFor('name.test');
export const LIFETIME_MS = 600_000;

interface PoolOptions extends NetworkInit {
  /** @default 3 */
  readonly connections?: number;
  /** @default as `connections` */
  readonly candidates?: number;
  readonly seed?: number;
  /** Whether the test sends the first query itself. @default false */
  readonly isUnused?: boolean;
}

/** A pool over a {@link SimulatedNetwork} on a manual clock. */
export interface SimulatedPool extends AsyncDisposable {
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
  advance(ms: number): Promise<void>;
}

/** Creates a pool that has chosen its connections. The network is not random unless the options ask for it. */
export async function createPool(options: PoolOptions = {}): Promise<SimulatedPool> {
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
  const advanceUntil = async <T>(work: Promise<T>): Promise<T> => {
    const state = { done: false };
    const settled = work.finally(() => (state.done = true));
    settled.catch(() => {});
    await setImmediate();
    while (!state.done) await clock.advanceAsync(clock.untilNextMs ?? 1);
    return settled;
  };
  const fixture: SimulatedPool = {
    pool,
    clock,
    counters,
    network,
    connections: network.connections,
    paths,
    start,
    ask: (timeoutMs) => advanceUntil(timed(timeoutMs)),
    async askMany(count, pauseMs) {
      const asked: Promise<number>[] = [];
      for (let i = 0; i < count; i++) {
        asked.push(timed().catch(() => Infinity));
        await clock.advanceAsync(pauseMs);
      }
      return advanceUntil(Promise.all(asked));
    },
    advance: (ms) => clock.advanceAsync(ms),
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  };
  if (isUnused) return fixture;
  await fixture.ask();
  await fixture.advance(60_000);
  for (const connection of network.connections) connection.asked = 0;
  return fixture;
}

export function hedges(counters: Counters): Record<string, number> {
  const events: Record<string, number> = {};
  for (const { labels, count } of counters.totals.hedges.entries()) {
    const { event = '' } = labels;
    events[event] = (events[event] ?? 0) + count;
  }
  return events;
}

/** Slot, cause and count of replaced connections. */
export function reconnects(counters: Counters): string[] {
  const counted = counters.totals.reconnects.entries().filter(({ count }) => count > 0);
  return counted.map(({ labels, count }) => `${labels['slot']} ${labels['cause']} ${count}`);
}

export const asked = ({ connections }: SimulatedPool): number[] => connections.map((connection) => connection.asked);
export const openOnes = ({ connections }: SimulatedPool): number[] =>
  connections.filter(({ isOpen }) => isOpen).map(({ number }) => number);
export const median = (times: readonly number[]): number =>
  times.toSorted((a, b) => a - b)[times.length >> 1] as number;
export const byNumber =
  (...times: readonly number[]) =>
  (number: number): number =>
    times[number] ?? 1000;
