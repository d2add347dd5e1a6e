import { normalDeviate } from '../onion/draws.ts';
import { geometricMean } from '../latencies.ts';
import { drawCircuits, type OnionCircuit, responseQuantileMs } from '../onion/onion-circuit.ts';
import { drawTurnedAway } from '../onion/turned-away.ts';

/** What a client could reach that always knew the best of its first `circuits` circuits and asked each query once. */
export interface BestOf {
  readonly circuits: number;
  /** Milliseconds, pooled over seeds. */
  readonly p50: number;
  readonly p95: number;
}

export interface BestOfOptions {
  readonly seeds: readonly number[];
  /** Whether circuits change their speed. The best one is then known at every moment. */
  readonly drifts: boolean;
  /** Whether one circuit in three is turned away. The best is then the best of those that are not. */
  readonly turnsAway: boolean;
  readonly lastsMs: number;
}

const STEP_MS = 1000;

/** @param circuits at least 1; from 2 on, one is never turned away */
export function bestOf(circuits: number, { seeds, drifts, turnsAway, lastsMs }: BestOfOptions): BestOf {
  const typical = seeds.map((seed) => {
    const drawn = drawCircuits(seed);
    const drawnTurnedAway = drawTurnedAway(seed);
    const all = Array.from({ length: circuits }, () => ({
      circuit: drawn.next().value,
      isTurnedAway: drawnTurnedAway.next().value && turnsAway,
    }));
    const usable = all.filter(({ isTurnedAway }) => !isTurnedAway).map(({ circuit }) => circuit);
    return drifts ? bestOverTime(usable, lastsMs) : bestNow(usable);
  });
  const at = (share: number): number =>
    geometricMean(typical.map((typicalMs) => responseQuantileMs(typicalMs, normalDeviate, share)));
  return { circuits, p50: at(0.5), p95: at(0.95) };
}

function bestNow(circuits: readonly OnionCircuit[]): number {
  return Math.min(...circuits.map(({ typicalMs }) => typicalMs));
}

/** The geometric mean of the best circuit's typical time, over a run in which all of them stay open. */
function bestOverTime(circuits: readonly OnionCircuit[], lastsMs: number): number {
  const nextChangeMs = circuits.map(({ connectMs, driftMs }) => connectMs + driftMs);
  const best: number[] = [];
  for (let atMs = 0; atMs <= lastsMs; atMs += STEP_MS) {
    for (const [i, circuit] of circuits.entries()) {
      for (; (nextChangeMs[i] as number) <= atMs; nextChangeMs[i] = (nextChangeMs[i] as number) + circuit.driftMs) {
        circuit.change();
      }
    }
    best.push(bestNow(circuits));
  }
  return geometricMean(best);
}
