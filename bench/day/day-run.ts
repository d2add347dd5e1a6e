import { delay } from '../../src/lib/clock.ts';
import { MS_PER_HOUR } from '../../src/lib/units.ts';
import type { Query } from '../../src/model/query.ts';
import { ask } from '../../test/fixtures/dns/messages.ts';
import { ManualClock } from '../../test/fixtures/manual-clock.ts';
import { advanceClock } from '../advance-clock.ts';
import { openLaboratory } from '../laboratory.ts';
import { type OnionDouble, startOnionDouble } from '../onion/onion-double.ts';
import { createSeededRandom } from '../onion/seeded-random.ts';
import { askForADay, type HouseholdQuery } from './household.ts';
import { type ClientView, HouseholdResolver, type ResolverMode } from './household-resolver.ts';
import { createWebResolver, TYPE_NAMES } from './web-resolver.ts';

export interface DayOptions {
  readonly modes: readonly ResolverMode[];
  readonly seed: number;
  /** Number of households, each with its own resolver, habits and circuits, so that one lucky draw does not decide. */
  readonly households: number;
  /** Hours of the day that are simulated; at most 24. */
  readonly hours: number;
  /** Called every now and then with the share that is done, 0 to 1. */
  readonly onProgress: (done: number, queries: number) => void;
}

/** The results of one mode, all households together. */
export interface DayRun {
  readonly mode: ResolverMode;
  readonly views: readonly ClientView[];
  /** Queries that reached the resolver, including the probe at the start, hedged queries and refreshes. */
  readonly upstreamQueries: number;
  readonly hedges: number;
  readonly refreshes: number;
  /** Circuits built. */
  readonly circuits: number;
}

/** One household in one mode. */
interface Simulation {
  readonly double: OnionDouble;
  readonly resolver: HouseholdResolver;
  readonly views: ClientView[];
}

/** Simulates a day of several households. Every mode gets the same queries at the same moments. */
export async function runDay({ modes, seed, households, hours, onProgress }: DayOptions): Promise<DayRun[]> {
  const clock = new ManualClock();
  const durationMs = hours * MS_PER_HOUR;
  await using resources = new AsyncDisposableStack();
  const laboratory = resources.use(await openLaboratory());

  const open = async (own: number): Promise<{ queries: HouseholdQuery[]; simulations: Simulation[] }> => {
    const queries = askForADay(createSeededRandom(own)).filter(({ atMs }) => atMs < durationMs);
    const answerTo = createWebResolver(new Set(queries.map(({ host }) => host)));
    const simulations = modes.map(async (mode) => {
      const { certificate } = laboratory;
      const double = resources.use(await startOnionDouble(certificate, clock, { seed: own }, answerTo));
      const components = { clock, random: createSeededRandom(own), laboratory, socks: double.socks };
      return { double, resolver: resources.use(new HouseholdResolver(components, mode)), views: [] };
    });
    return { queries, simulations: await Promise.all(simulations) };
  };
  const opened = await Promise.all(Array.from({ length: households }, (_, household) => open(seed + household)));
  const ready = opened.flatMap(({ simulations }) => simulations.map(({ resolver }) => resolver.ready()));
  await advanceClock(clock, Promise.all(ready));

  let asked = 0;
  const startedAt = clock.now();
  const simulate = async (queries: readonly HouseholdQuery[], simulations: readonly Simulation[]): Promise<void> => {
    const pending: Promise<unknown>[] = [];
    for (const query of queries) {
      const waitMs = startedAt + query.atMs - clock.now();
      if (waitMs > 0) await delay(clock, waitMs);
      const received = toQuery(query);
      for (const { resolver, views } of simulations)
        pending.push(resolver.ask(received).then((view) => views.push(view)));
      onProgress(query.atMs / durationMs, ++asked);
    }
    await Promise.all(pending);
  };
  await advanceClock(clock, Promise.all(opened.map(({ queries, simulations }) => simulate(queries, simulations))));

  return modes.map((mode, i) =>
    toRun(
      mode,
      opened.map(({ simulations }) => simulations[i] as Simulation),
    ),
  );
}

function toRun(mode: ResolverMode, simulations: readonly Simulation[]): DayRun {
  const sum = (count: (simulation: Simulation) => number): number =>
    simulations.reduce((total, simulation) => total + count(simulation), 0);
  return {
    mode,
    views: simulations.flatMap(({ views }) => views),
    upstreamQueries: sum(({ double }) => double.requests),
    hedges: sum(({ resolver }) => resolver.hedges),
    refreshes: sum(({ resolver }) => resolver.refreshes),
    circuits: sum(({ double }) => double.circuits),
  };
}

/** A query as the listener passes it on. Clients use EDNS; without it, an answer could not be marked as stale. */
function toQuery({ host, type, device }: HouseholdQuery): Query {
  const query = ask({ name: host.name, type: TYPE_NAMES[type], edns: {} });
  return { ...query, client: `192.168.1.${device + 1}` };
}
