import { percentile, shareWithin } from '../latencies.ts';
import { formatColumns, formatShare, formatTime } from '../table.ts';
import type { DayRun } from './day-run.ts';
import type { Source } from './household-resolver.ts';

/** The figures of one mode. */
export interface DayRow {
  readonly label: string;
  readonly queries: number;
  /** Of all queries, 0 to 1. */
  readonly shares: Readonly<Record<Source, number>>;
  /** Milliseconds, as clients see them; Infinity if that many queries failed. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /** Of all queries, 0 to 1. */
  readonly within1800ms: number;
  readonly within5s: number;
  /** Queries that reached the resolver, in all and by reason. */
  readonly upstreamQueries: number;
  readonly firstTries: number;
  readonly hedges: number;
  readonly refreshes: number;
  /** Upstream queries per upstream query of the first mode. */
  readonly upstreamRatio: number;
  readonly circuits: number;
}

const SOURCES: readonly Source[] = ['cached', 'refreshed', 'stale', 'upstream', 'failed'];

/** The lines of the table. */
const LINES: readonly (readonly [label: string, figure: (row: DayRow) => string])[] = [
  ['', ({ label }) => label],
  ['queries', ({ queries }) => String(queries)],
  ['from the cache', ({ shares }) => formatShare(shares.cached)],
  ['from the cache, prefetched', ({ shares }) => formatShare(shares.refreshed)],
  ['from the cache, expired', ({ shares }) => formatShare(shares.stale)],
  ['from the resolver', ({ shares }) => formatShare(shares.upstream)],
  ['failed', ({ shares }) => formatShare(shares.failed)],
  ['p50 (ms), as clients see it', ({ p50 }) => formatTime(p50)],
  ['p95', ({ p95 }) => formatTime(p95)],
  ['p99', ({ p99 }) => formatTime(p99)],
  ['answered within 1.8 s', ({ within1800ms }) => formatShare(within1800ms)],
  ['answered within 5 s', ({ within5s }) => formatShare(within5s)],
  ['queries to the resolver', ({ upstreamQueries }) => String(upstreamQueries)],
  ['… first tries', ({ firstTries }) => String(firstTries)],
  ['… hedged', ({ hedges }) => String(hedges)],
  ['… prefetches', ({ refreshes }) => String(refreshes)],
  ['… per query of the first mode', ({ upstreamRatio }) => upstreamRatio.toFixed(2)],
  ['circuits built', ({ circuits }) => String(circuits)],
];

/** @param runs the first is the baseline */
export function toRows(runs: readonly DayRun[]): DayRow[] {
  const baseQueries = runs[0]?.upstreamQueries ?? 0;
  return runs.map((run) => {
    const { mode, views, upstreamQueries, hedges, refreshes, circuits } = run;
    const sorted = views
      .map(({ source, durationMs }) => (source === 'failed' ? Infinity : durationMs))
      .toSorted((a, b) => a - b);
    const share = (source: Source): number => views.filter((view) => view.source === source).length / views.length;
    return {
      label: mode.label,
      queries: views.length,
      shares: Object.fromEntries(SOURCES.map((source) => [source, share(source)])) as DayRow['shares'],
      p50: percentile(sorted, 0.5),
      p95: percentile(sorted, 0.95),
      p99: percentile(sorted, 0.99),
      within1800ms: shareWithin(sorted, 1800),
      within5s: shareWithin(sorted, 5000),
      upstreamQueries,
      firstTries: upstreamQueries - hedges - refreshes,
      hedges,
      refreshes,
      upstreamRatio: upstreamQueries / baseQueries,
      circuits,
    };
  });
}

/** A table for a terminal, with a column for each mode. */
export function formatDay(rows: readonly DayRow[]): string {
  return formatColumns(LINES.map(([label, figure]) => [label, ...rows.map(figure)]));
}
