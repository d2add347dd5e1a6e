import type { LatencyRun } from './latency-run.ts';
import { type LatencySummary, summarize } from './latencies.ts';
import { formatColumns, formatShare, formatTime } from './table.ts';

/** One mode in figures. */
export interface LatencyRow extends LatencySummary {
  readonly label: string;
  readonly upstreamShare: number;
  readonly circuitsPerHour: number;
}

/** What was measured when every tool rides one connection; the paper names no share of failures. */
const PUBLISHED: readonly string[] = [
  'published, one connection',
  '1563',
  '2534',
  '5535',
  '6988',
  '9102',
  '≈ 89 %',
  '',
  '',
  '',
];
const TARGETS: readonly string[] = ['to reach', '≤ 0.60×', '', '', '≤ 0.50×', '', '≥ 98 %', '', '≤ 1.20', ''];
const HEADINGS: readonly string[] = [
  '',
  'p50',
  'p75',
  'p90',
  'p95',
  'p99',
  'in 5 s',
  'answered',
  'upstream',
  'circuits/h',
];

export function labelOf(circuits: number): string {
  return circuits === 1 ? 'one connection' : `${circuits} circuits, hedged`;
}

export function toRow({ circuits, timesMs, upstreamShare, circuitsPerHour }: LatencyRun): LatencyRow {
  return { label: labelOf(circuits), ...summarize(timesMs), upstreamShare, circuitsPerHour };
}

/**
 * A table for a terminal: milliseconds, then what they are of those of the first row.
 * @param rows the first is what the others are compared with
 */
export function formatTable(rows: readonly LatencyRow[]): string {
  const [base] = rows;
  const cells = [HEADINGS, PUBLISHED, ...rows.map(figuresOf)];
  if (base !== undefined) cells.push(...rows.slice(1).map((row) => ratiosOf(row, base)));
  return formatColumns([...cells, TARGETS]);
}

function figuresOf(row: LatencyRow): string[] {
  return [
    row.label,
    ...timesOf(row).map(formatTime),
    formatShare(row.within5s),
    formatShare(row.answered),
    row.upstreamShare.toFixed(2),
    row.circuitsPerHour.toFixed(0),
  ];
}

function ratiosOf(row: LatencyRow, base: LatencyRow): string[] {
  const baseTimes = timesOf(base);
  const ratios = timesOf(row).map((timeMs, i) => {
    const ratio = timeMs / (baseTimes[i] as number);
    return Number.isFinite(ratio) ? `${ratio.toFixed(2)}×` : '';
  });
  return [`${row.label}: ratio`, ...ratios, '', '', '', ''];
}

function timesOf({ p50, p75, p90, p95, p99 }: LatencyRow): number[] {
  return [p50, p75, p90, p95, p99];
}
