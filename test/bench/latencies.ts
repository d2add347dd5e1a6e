/** What is said about how long the queries of one mode took. */
export interface LatencySummary {
  readonly queries: number;
  /** Milliseconds; Infinity where so many were not answered at all. */
  readonly p50: number;
  readonly p75: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  /** Share of all queries, 0 to 1. */
  readonly within5s: number;
  /** Share of all queries, 0 to 1. */
  readonly answered: number;
}

/** @param timesMs at least one; Infinity for a query that was not answered */
export function summarize(timesMs: readonly number[]): LatencySummary {
  const sorted = timesMs.toSorted((a, b) => a - b);
  return {
    queries: sorted.length,
    p50: percentile(sorted, 0.5),
    p75: percentile(sorted, 0.75),
    p90: percentile(sorted, 0.9),
    p95: percentile(sorted, 0.95),
    p99: percentile(sorted, 0.99),
    within5s: shareWithin(sorted, 5000),
    answered: shareWithin(sorted, Number.MAX_VALUE),
  };
}

/** The least time within which at least the share `quantile` (0 to 1) of the queries was answered: the nearest rank. */
export function percentile(sortedMs: ArrayLike<number>, quantile: number): number {
  const rank = Math.ceil(sortedMs.length * quantile);
  return sortedMs[Math.max(0, rank - 1)] as number;
}

/** The share, 0 to 1, that took at most `limitMs`. */
export function shareWithin(sortedMs: readonly number[], limitMs: number): number {
  return sortedMs.filter((time) => time <= limitMs).length / sortedMs.length;
}
