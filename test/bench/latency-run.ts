import { type Clock, delay } from '../../src/lib/clock.ts';
import { Deadline } from '../../src/lib/deadline.ts';
import { encodeQuestion } from '../../src/message/codec.ts';
import { buildUpstreamQuery } from '../../src/message/upstream-query.ts';
import { createCounters } from '../../src/metrics/counters.ts';
import { ExtraBudget } from '../../src/upstream/extra-budget.ts';
import type { Upstream } from '../../src/upstream/upstream.ts';
import type { Tor } from '../../src/tor/tor.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { answerTo } from '../upstream/rig.ts';
import { drawExponential } from './draws.ts';
import { type Laboratory, openLaboratory, TIMEOUT_MS, UPSTREAM_LABEL } from './laboratory.ts';
import { startOnionDouble } from './onion-double.ts';
import { createSeededRandom } from './seeded-random.ts';
import { turnClock } from './turn-clock.ts';

const QUERIES_PER_SECOND = 1;

/** Before anything is measured, as the daemon opens its connections before it calls itself ready. */
const START_MS = 5000;

export interface LatencyRunOptions {
  /** For every mode one: how many circuits there are to choose from. */
  readonly modes: readonly number[];
  readonly seed: number;
  /** Households, side by side, each with circuits of its own. */
  readonly houses: number;
  /** How long each of them asks, in its own time. */
  readonly minutes: number;
  /** Is told now and then, with a share of 0 to 1. */
  readonly onProgress: (done: number, queries: number) => void;
}

export interface LatencyRun {
  readonly circuits: number;
  /** How long each query took, in milliseconds; Infinity if there was no answer by its deadline. */
  readonly timesMs: readonly number[];
  /** Queries that reached the resolver, for each that was asked. */
  readonly upstreamShare: number;
  /** Circuits that were built, for each household and hour. */
  readonly circuitsPerHour: number;
}

/** Asks the same queries at the same moments in every mode. */
export async function runLatency(options: LatencyRunOptions): Promise<LatencyRun[]> {
  const { seed, houses, minutes, modes } = options;
  const clock = new ManualClock();
  await using resources = new AsyncDisposableStack();
  const laboratory = resources.use(await openLaboratory());

  const running = await Promise.all(
    modes.map(async (circuits) => {
      const double = resources.use(
        await startOnionDouble(laboratory.certificate, clock, createSeededRandom(seed), answerTo),
      );
      const households = Array.from({ length: houses }, (_, house) =>
        createHousehold(clock, laboratory, double.socks, circuits, seed + house),
      );
      for (const { upstream } of households) resources.use(upstream);
      const timesMs: number[] = [];
      return { circuits, double, households, timesMs };
    }),
  );
  const exchange = async ({ upstream, budget }: Household, timesMs: number[]): Promise<void> => {
    const startedAt = clock.now();
    budget.earn();
    const answered = await upstream.exchange(QUERY, Deadline.after(clock, TIMEOUT_MS)).then(
      () => true,
      () => false,
    );
    timesMs.push(answered ? clock.now() - startedAt : Infinity);
  };

  const warmUp = running.flatMap(({ households }) => households.map((household) => exchange(household, [])));
  await turnClock(clock, Promise.all([...warmUp, delay(clock, START_MS)]));
  const requestsBefore = running.map(({ double }) => double.requests);

  const startedAt = clock.now();
  const durationMs = minutes * 60_000;
  const report = (): void =>
    options.onProgress((clock.now() - startedAt) / durationMs, running[0]?.timesMs.length ?? 0);
  const askForHouse = async (house: number): Promise<void> => {
    const random = createSeededRandom(seed + house);
    const pending: Promise<void>[] = [];
    let at = startedAt;
    for (;;) {
      // Queries that know nothing of each other come at exponentially distributed intervals.
      at += drawExponential(random, 1000 / QUERIES_PER_SECOND);
      if (at > startedAt + durationMs) break;
      await delay(clock, Math.max(0, at - clock.now()));
      for (const { households, timesMs } of running) pending.push(exchange(households[house] as Household, timesMs));
      if (house === 0) report();
    }
    await Promise.all(pending);
  };
  await turnClock(clock, Promise.all(Array.from({ length: houses }, (_, house) => askForHouse(house))));

  return running.map(({ circuits, double, timesMs }, i) => ({
    circuits,
    timesMs,
    upstreamShare: (double.requests - (requestsBefore[i] as number)) / timesMs.length,
    circuitsPerHour: double.circuits / ((houses * minutes) / 60),
  }));
}

const QUERY = buildUpstreamQuery(encodeQuestion('name.test', 'A'), false, false);

interface Household {
  readonly upstream: Upstream;
  readonly budget: ExtraBudget;
}

function createHousehold(
  clock: Clock,
  laboratory: Laboratory,
  socks: Tor['socks'],
  circuits: number,
  seed: number,
): Household {
  const budget = new ExtraBudget();
  const metrics = createCounters([UPSTREAM_LABEL], circuits);
  const components = { clock, random: createSeededRandom(seed), metrics, budget };
  return { upstream: laboratory.connect(components, socks, circuits), budget };
}
