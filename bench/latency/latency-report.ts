import { mean, pooledPercentile, shareWithin } from '../latencies.ts';
import { formatColumns, formatShare, formatTime } from '../table.ts';
import type { BestOf } from './best-circuits.ts';
import { type ClientKind, DNS4TOR, RACING } from './latency-clients.ts';
import type { Regime } from './latency-regimes.ts';
import type { ClientRun } from './latency-run.ts';

/** One client in one regime, all seeds pooled. Times are milliseconds, shares 0 to 1. */
export interface ClientFigures {
  readonly label: string;
  readonly p50: number;
  readonly p95: number;
  readonly within5s: number;
  readonly failed: number;
  /** Queries to the resolver per name. */
  readonly upstreamPerName: number;
  /** Circuits built per seed, from the start of the program. */
  readonly circuits: number;
  /** Present if names are looked up in pages. */
  readonly pages?: PageFigures;
}

export interface PageFigures {
  /** Median time until a page's first answer. */
  readonly firstP50: number;
  /** Time until a page's last answer. */
  readonly lastP50: number;
  readonly lastP95: number;
  /** Share of pages with a name that failed. */
  readonly incomplete: number;
}

/** The output of `--json` for a regime. */
export interface RegimeFigures {
  readonly name: string;
  readonly title: string;
  readonly names: number;
  readonly clients: readonly ClientFigures[];
  readonly bestOf: readonly BestOf[];
}

/** @param kinds in the order of the table */
export function toRegimeFigures(
  { name, title, pageNames }: Regime,
  kinds: readonly ClientKind[],
  runs: readonly ClientRun[],
  bestOf: readonly BestOf[],
): RegimeFigures {
  const names = runs.filter(({ kind }) => kind === kinds[0]).reduce((sum, { timesMs }) => sum + timesMs.length, 0);
  return { name, title, names, clients: kinds.map((kind) => figuresOf(kind, runs, pageNames)), bestOf };
}

function figuresOf(kind: ClientKind, runs: readonly ClientRun[], pageNames?: number): ClientFigures {
  const own = runs.filter((run) => run.kind === kind);
  const bySeed = own.map(({ timesMs }) => ascending(timesMs));
  return {
    label: kind.label,
    p50: pooledPercentile(bySeed, 0.5),
    p95: pooledPercentile(bySeed, 0.95),
    within5s: mean(bySeed.map((times) => shareWithin(times, 5000))),
    failed: mean(bySeed.map((times) => 1 - shareWithin(times, Number.MAX_VALUE))),
    upstreamPerName: mean(own.map(({ upstreamQueries, timesMs }) => upstreamQueries / timesMs.length)),
    circuits: mean(own.map(({ circuits }) => circuits)),
    ...(pageNames === undefined ? {} : { pages: pageFiguresOf(own, pageNames) }),
  };
}

function pageFiguresOf(runs: readonly ClientRun[], pageNames: number): PageFigures {
  const pagesBySeed = runs.map(({ timesMs }) => pagesOf(timesMs, pageNames));
  const first = pagesBySeed.map((pages) => ascending(pages.map((times) => Math.min(...times))));
  const last = pagesBySeed.map((pages) => ascending(pages.map((times) => Math.max(...times))));
  return {
    firstP50: pooledPercentile(first, 0.5),
    lastP50: pooledPercentile(last, 0.5),
    lastP95: pooledPercentile(last, 0.95),
    incomplete: mean(last.map((times) => 1 - shareWithin(times, Number.MAX_VALUE))),
  };
}

function pagesOf(timesMs: readonly number[], pageNames: number): number[][] {
  return Array.from({ length: timesMs.length / pageNames }, (_, i) =>
    timesMs.slice(i * pageNames, (i + 1) * pageNames),
  );
}

function ascending(times: readonly number[]): number[] {
  return times.toSorted((a, b) => a - b);
}

const HEADINGS: readonly string[] = ['p50', 'p95', 'in 5 s', 'failed', 'upstream', 'circuits'];
const PAGE_HEADINGS: readonly string[] = ['first', 'page p50', 'page p95', 'incomplete'];

/** A table for a terminal: the clients, dns4tor relative to the racing client, and the best of several circuits. */
export function formatRegime({ name, title, names, clients, bestOf }: RegimeFigures): string {
  const hasPages = clients.some(({ pages }) => pages !== undefined);
  const rows = [['', ...HEADINGS, ...(hasPages ? PAGE_HEADINGS : [])]];
  for (const client of clients) rows.push([client.label, ...cellsOf(client)]);
  const [ours, racing] = [DNS4TOR, RACING].map(({ label }) => clients.find((client) => client.label === label));
  if (ours !== undefined && racing !== undefined)
    rows.push([`${ours.label} ÷ ${racing.label}`, ...ratiosOf(ours, racing)]);
  for (const { circuits, p50, p95 } of bestOf) {
    rows.push([
      circuits === 1 ? 'the first circuit' : `best of ${circuits} circuits, known`,
      ...[p50, p95].map(formatTime),
    ]);
  }
  return `${name}: ${title} (${names} names for each client)\n${formatColumns(rows)}`;
}

function cellsOf({ p50, p95, within5s, failed, upstreamPerName, circuits, pages }: ClientFigures): string[] {
  return [
    formatTime(p50),
    formatTime(p95),
    formatShare(within5s),
    formatShare(failed, 2),
    upstreamPerName.toFixed(2),
    circuits.toFixed(1),
    ...(pages === undefined
      ? []
      : [...[pages.firstP50, pages.lastP50, pages.lastP95].map(formatTime), formatShare(pages.incomplete)]),
  ];
}

function ratiosOf(ours: ClientFigures, racing: ClientFigures): string[] {
  const ratio = (of: (figures: ClientFigures) => number | undefined): string => {
    const value = (of(ours) ?? Number.NaN) / (of(racing) ?? Number.NaN);
    return Number.isNaN(value) ? '' : `${value.toFixed(2)}×`;
  };
  const cells = [ratio(({ p50 }) => p50), ratio(({ p95 }) => p95), '', '', '', ''];
  if (ours.pages === undefined) return cells;
  return [
    ...cells,
    ratio(({ pages }) => pages?.firstP50),
    ratio(({ pages }) => pages?.lastP50),
    ratio(({ pages }) => pages?.lastP95),
    '',
  ];
}
