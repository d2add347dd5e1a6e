import { delay } from '../../src/lib/clock.ts';
import { ManualClock } from '../../test/fixtures/manual-clock.ts';
import { answerTo } from '../../test/upstream/rig.ts';
import { advanceClock } from '../advance-clock.ts';
import type { Laboratory } from '../laboratory.ts';
import { type OnionDouble, startOnionDouble } from '../onion/onion-double.ts';
import { createSeededRandom } from '../onion/seeded-random.ts';
import type { ClientKind } from './latency-clients.ts';
import { PAGE_NAMES, type Regime } from './latency-regimes.ts';
import type { NameClient } from './name-client.ts';

/** Warm-up: from the start of the program, with its first page, to the first measured lookup. */
export const WARM_UP_MS = 12_000;

export interface LatencyRunOptions {
  readonly regime: Regime;
  readonly kinds: readonly ClientKind[];
  readonly seeds: readonly number[];
  /** Whether circuits change their speed. */
  readonly drifts: boolean;
  /** Called every now and then with the share that is done, 0 to 1. */
  readonly onProgress: (done: number, names: number) => void;
}

/** One client under one seed. */
export interface ClientRun {
  readonly kind: ClientKind;
  readonly seed: number;
  /** Response time of each lookup in order, in milliseconds; Infinity if it failed. */
  readonly timesMs: readonly number[];
  /** Queries to the resolver during the measurement. */
  readonly upstreamQueries: number;
  /** Circuits built since the start of the program. */
  readonly circuits: number;
  /** Those of them that were built during the warm-up. */
  readonly circuitsAtStart: number;
}

/** Gives every client the same lookups at the same moments. Seeds run in parallel, each client over its own double. */
export async function runLatency(laboratory: Laboratory, options: LatencyRunOptions): Promise<ClientRun[]> {
  const { regime, kinds, seeds, drifts } = options;
  const clock = new ManualClock();
  await using resources = new AsyncDisposableStack();
  const init = { drifts, rejects: regime.rejects };
  const opened = await Promise.all(
    seeds.flatMap((seed) =>
      kinds.map(async (kind) => {
        const double = await startOnionDouble(laboratory.certificate, clock, { seed, ...init }, answerTo);
        resources.use(double);
        const client = resources.use(kind.create({ clock, laboratory, double, seed }));
        return { kind, seed, double, client };
      }),
    ),
  );
  const report = createReport(options, opened.length);
  const runs = opened.map(async ({ kind, seed, double, client }) => {
    return { kind, seed, ...(await simulate(clock, { double, client }, regime, seed, report)) };
  });
  return await advanceClock(clock, Promise.all(runs));
}

async function simulate(
  clock: ManualClock,
  { double, client }: { readonly double: OnionDouble; readonly client: NameClient },
  { schedule, isCold, lastsMs }: Regime,
  seed: number,
  onAsked: () => void,
): Promise<Omit<ClientRun, 'kind' | 'seed'>> {
  const ask = async (name: string): Promise<number> => {
    const askedAt = clock.now();
    return (await client.ask(name)) ? clock.now() - askedAt : Infinity;
  };
  client.start();
  if (!isCold) {
    for (let i = 0; i < PAGE_NAMES; i++) void ask(`first${i}.example.net`);
    await delay(clock, WARM_UP_MS);
  }
  const requestsBefore = double.requests;
  const circuitsAtStart = double.circuits;
  const startedAt = clock.now();
  const waitUntil = async (atMs: number): Promise<void> => {
    const waitMs = startedAt + atMs - clock.now();
    if (waitMs > 0) await delay(clock, waitMs);
  };
  const asked: Promise<number>[] = [];
  for (const [i, atMs] of schedule(createSeededRandom(seed)).entries()) {
    await waitUntil(atMs);
    asked.push(ask(`n${i}.example.net`));
    onAsked();
  }
  await waitUntil(lastsMs);
  const timesMs = await Promise.all(asked);
  return { timesMs, upstreamQueries: double.requests - requestsBefore, circuits: double.circuits, circuitsAtStart };
}

function createReport({ regime, seeds, onProgress }: LatencyRunOptions, runs: number): () => void {
  const names = seeds.reduce((sum, seed) => sum + regime.schedule(createSeededRandom(seed)).length, 0);
  const total = (names * runs) / seeds.length;
  let asked = 0;
  return () => onProgress(++asked / total, asked);
}
