/** The least time within which at least the share `quantile` (0 to 1) of the queries was answered: the nearest rank. */
export function percentile(sortedMs: ArrayLike<number>, quantile: number): number {
  const rank = Math.ceil(sortedMs.length * quantile);
  return sortedMs[Math.max(0, rank - 1)] as number;
}

/** The share, 0 to 1, that took at most `limitMs`. */
export function shareWithin(sortedMs: readonly number[], limitMs: number): number {
  return sortedMs.filter((time) => time <= limitMs).length / sortedMs.length;
}

/** What a failed name counts in quantiles: longer than any of the clients waits. */
export const FAILED_MS = 13_000;

/**
 * Pools a quantile over seeds: the geometric mean of each seed's own, so that one slow seed does not decide.
 * @param bySeed times of each seed in milliseconds, ascending; Infinity for a failure
 */
export function pooledPercentile(bySeed: readonly (readonly number[])[], quantile: number): number {
  return geometricMean(bySeed.map((sortedMs) => Math.min(FAILED_MS, percentile(sortedMs, quantile))));
}

/** @param values at least one; those below 1 count as 1 */
export function geometricMean(values: readonly number[]): number {
  return Math.exp(mean(values.map((value) => Math.log(Math.max(1, value)))));
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The middle one, or the lower of two. @param values at least one */
export function median(values: readonly number[]): number {
  return percentile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}
