import { MS_PER_SECOND } from '../lib/units.ts';
import { QUERY_SECONDS } from '../metrics/buckets.ts';
import type { LatencySnapshot } from './snapshot.ts';

/** More would be a pretence: these are estimates. */
const SIGNIFICANT_DIGITS = 3;

export function roundMs(ms: number): number {
  return Number(ms.toPrecision(SIGNIFICANT_DIGITS));
}

/** @param cumulative for each of {@link QUERY_SECONDS} how many took no longer, and last all of them */
export function latencyOf(cumulative: readonly number[]): LatencySnapshot {
  const rounded = (quantile: number): number | null => {
    const ms = quantileMs(cumulative, quantile);
    return ms === null ? null : roundMs(ms);
  };
  return { p50Ms: rounded(0.5), p95Ms: rounded(0.95) };
}

/**
 * As Prometheus's histogram_quantile: within its bucket the value is taken to lie where it would if all there were evenly spread. What is
 * above the last bound is taken for that bound.
 */
function quantileMs(cumulative: readonly number[], quantile: number): number | null {
  const rank = quantile * (cumulative.at(-1) ?? 0);
  if (rank === 0) return null;
  const bucket = cumulative.findIndex((count) => count >= rank);
  const upper = QUERY_SECONDS[bucket];
  if (upper === undefined) return QUERY_SECONDS.at(-1)! * MS_PER_SECOND;
  const lower = QUERY_SECONDS[bucket - 1] ?? 0;
  const below = cumulative[bucket - 1] ?? 0;
  return (lower + ((upper - lower) * (rank - below)) / (cumulative[bucket]! - below)) * MS_PER_SECOND;
}
