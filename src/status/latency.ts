import { MS_PER_SECOND } from '../lib/units.ts';
import { QUERY_SECONDS } from '../metrics/buckets.ts';
import type { LatencySnapshot } from './snapshot.ts';

/** These are estimates; more digits would pretend precision. */
const SIGNIFICANT_DIGITS = 3;

/** Rounds to three significant digits. */
export function roundMs(ms: number): number {
  return Number(ms.toPrecision(SIGNIFICANT_DIGITS));
}

/**
 * Median and 95th percentile of a histogram.
 * @param cumulative cumulative counts for the bounds {@link QUERY_SECONDS}, then the number of all values
 */
export function latencyOf(cumulative: readonly number[]): LatencySnapshot {
  const rounded = (quantile: number): number | null => {
    const ms = quantileMs(cumulative, quantile);
    return ms === null ? null : roundMs(ms);
  };
  return { p50Ms: rounded(0.5), p95Ms: rounded(0.95) };
}

/**
 * Like Prometheus's histogram_quantile: interpolates linearly within a bucket, and takes values above the last bound
 * for that bound.
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
