import { FAILED_MS, pooledPercentile } from '../latencies.ts';
import type { CdfCurve } from './cdf-svg.ts';
import type { ClientKind } from './latency-clients.ts';
import type { ClientRun } from './latency-run.ts';

const POINTS = 400;

/** A client's distribution. Each quantile is pooled over seeds, as in the table. */
export function toCurve(kind: ClientKind, runs: readonly ClientRun[]): CdfCurve {
  const bySeed = runs.filter((run) => run.kind === kind).map(({ timesMs }) => timesMs.toSorted((a, b) => a - b));
  // Beyond the last answer of any seed, a pooled quantile would mix response times with failures.
  const share = Math.min(...bySeed.map((times) => times.filter(Number.isFinite).length / times.length));
  const pooled = Array.from({ length: POINTS }, (_, i) => {
    const quantile = (i + 1) / POINTS;
    return quantile > share ? Infinity : Math.min(FAILED_MS, pooledPercentile(bySeed, quantile));
  });
  return { label: kind.label, sortedMs: pooled };
}
