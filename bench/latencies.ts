/** Quantile (0 to 1) of ascending values, by nearest rank. */
export function percentile(sortedMs: ArrayLike<number>, quantile: number): number {
  const rank = Math.ceil(sortedMs.length * quantile);
  return sortedMs[Math.max(0, rank - 1)] as number;
}

/** Share (0 to 1) of times up to `limitMs`. */
export function shareWithin(sortedMs: readonly number[], limitMs: number): number {
  return sortedMs.filter((time) => time <= limitMs).length / sortedMs.length;
}

/** Time of a failed lookup in quantiles: longer than any client waits. */
export const FAILED_MS = 13_000;

/**
 * Pools a quantile over seeds by the geometric mean, so that one slow seed does not decide.
 * @param bySeed times of each seed in milliseconds, ascending; Infinity for a failure
 */
export function pooledPercentile(bySeed: readonly (readonly number[])[], quantile: number): number {
  return geometricMean(bySeed.map((sortedMs) => Math.min(FAILED_MS, percentile(sortedMs, quantile))));
}

/** @param values at least one; values below 1 count as 1 */
export function geometricMean(values: readonly number[]): number {
  return Math.exp(mean(values.map((value) => Math.log(Math.max(1, value)))));
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Median; of an even number of values the lower one. @param values at least one */
export function median(values: readonly number[]): number {
  return percentile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}
