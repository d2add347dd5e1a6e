import { geometricMean } from '../latencies.ts';
import { normalDeviate } from '../onion/draws.ts';
import { drawCircuits, type OnionCircuit, responseQuantileMs } from '../onion/onion-circuit.ts';
import { drawRejected } from '../onion/rejected-circuits.ts';

/** Response times of an ideal client: it always uses the best of its first `circuits` circuits, without hedging. */
export interface BestOf {
  readonly circuits: number;
  /** Milliseconds, pooled over seeds. */
  readonly p50: number;
  readonly p95: number;
}

export interface BestOfOptions {
  readonly seeds: readonly number[];
  /** Whether circuits change their speed. The ideal client knows the best one at every moment. */
  readonly drifts: boolean;
  /** Whether one circuit in three gets 503. The ideal client never uses these. */
  readonly rejects: boolean;
  readonly lastsMs: number;
}

const STEP_MS = 1000;

/** @param circuits at least 1; of 2 or more, at least one never gets 503 */
export function bestOf(circuits: number, { seeds, drifts, rejects, lastsMs }: BestOfOptions): BestOf {
  const typical = seeds.map((seed) => {
    const drawn = drawCircuits(seed);
    const drawnRejected = drawRejected(seed);
    const all = Array.from({ length: circuits }, () => ({
      circuit: drawn.next().value,
      isRejected: drawnRejected.next().value && rejects,
    }));
    const usable = all.filter(({ isRejected }) => !isRejected).map(({ circuit }) => circuit);
    return drifts ? bestOverTime(usable, lastsMs) : bestNow(usable);
  });
  const at = (share: number): number =>
    geometricMean(typical.map((typicalMs) => responseQuantileMs(typicalMs, normalDeviate, share)));
  return { circuits, p50: at(0.5), p95: at(0.95) };
}

function bestNow(circuits: readonly OnionCircuit[]): number {
  return Math.min(...circuits.map(({ typicalMs }) => typicalMs));
}

/** Geometric mean, over the run, of the typical time of the circuit that is best at each moment. */
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
