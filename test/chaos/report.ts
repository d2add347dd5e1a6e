import { toMiB } from '../fixtures/process/process-usage.ts';
import type { Asked, Outcome } from './load.ts';
import { brokenPromises } from './promises.ts';
import type { Observation } from './run-scenario.ts';
import { serviceSinceMs } from './service.ts';

/** The figures of one scenario, from the start of the fault. */
export interface ChaosRow {
  readonly scenario: string;
  readonly faultSeconds: number;
  readonly sent: number;
  readonly outcomes: Readonly<Record<Outcome, number>>;
  /** Number of failed queries by reason. */
  readonly failures: Readonly<Record<string, number>>;
  readonly longestWaitMs: number;
  /**
   * From the end of the fault until a separate probe reached the resolver through Tor. Null if full service was back
   * before.
   */
  readonly reachableAfterMs: number | null;
  /** From the end of the fault until all new names were answered. Negative before its end; null for never. */
  readonly answersAfterMs: number | null;
  /** The same for full service: no more stale answers. */
  readonly fullServiceAfterMs: number | null;
  readonly connects: { readonly ok: number; readonly failed: number };
  readonly startBytes: number;
  readonly peakBytes: number;
  readonly peakDescriptors: number;
  readonly cpuShare: number;
  readonly broken: readonly string[];
  /** By the second in which they were sent, from the start of the fault. */
  readonly timeline: readonly Readonly<Record<Outcome, number>>[];
}

export function toRow(seen: Observation): ChaosRow {
  const { scenario, asked, beganAtMs, endedAtMs, reachableAtMs, connects, usage } = seen;
  const after = (queries: readonly Asked[]): number | null => {
    const sinceMs = serviceSinceMs(queries);
    return sinceMs === undefined ? null : sinceMs - endedAtMs;
  };
  const failures: Record<string, number> = {};
  for (const { end } of asked) {
    if (end?.outcome === 'failed') failures[end.reason] = (failures[end.reason] ?? 0) + 1;
  }
  return {
    scenario: scenario.name,
    faultSeconds: (endedAtMs - beganAtMs) / 1000,
    sent: asked.length,
    outcomes: countOutcomes(asked),
    failures,
    longestWaitMs: Math.max(...asked.map(({ sentAtMs, end }) => (end?.atMs ?? Infinity) - sentAtMs)),
    reachableAfterMs: reachableAtMs === undefined ? null : reachableAtMs - endedAtMs,
    answersAfterMs: after(asked.filter(({ kind }) => kind === 'new')),
    fullServiceAfterMs: after(asked),
    connects,
    startBytes: usage.startBytes,
    peakBytes: usage.peakBytes,
    peakDescriptors: usage.peakDescriptors,
    cpuShare: usage.cpuShare,
    broken: brokenPromises(seen),
    timeline: timelineOf(asked, beganAtMs),
  };
}

function timelineOf(asked: readonly Asked[], beganAtMs: number): Record<Outcome, number>[] {
  const bySecond = Map.groupBy(asked, ({ sentAtMs }) => Math.floor((sentAtMs - beganAtMs) / 1000));
  const seconds = Math.max(0, ...bySecond.keys()) + 1;
  return Array.from({ length: seconds }, (_, second) => countOutcomes(bySecond.get(second) ?? []));
}

function countOutcomes(asked: readonly Asked[]): Record<Outcome, number> {
  const counts = { fresh: 0, stale: 0, failed: 0, unanswered: 0 };
  for (const { end } of asked) counts[end?.outcome ?? 'unanswered']++;
  return counts;
}

const HEADINGS: readonly string[] = [
  'scenario',
  'fault',
  'sent',
  'fresh',
  'stale',
  'failed',
  'no reply',
  'longest',
  'Tor after',
  'answers after',
  'full after',
  'connects',
  'peak memory',
  'CPU',
  'failed for',
];

/** The first and the last column, which are text. */
function isText(column: number): boolean {
  return column === 0 || column === HEADINGS.length - 1;
}

/** Formats a table for a terminal. */
export function formatTable(rows: readonly ChaosRow[]): string {
  const cells = [HEADINGS, ...rows.map(cellsOf)];
  const widths = HEADINGS.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const pad = (cell: string, column: number): string =>
    isText(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return cells.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}

function cellsOf(row: ChaosRow): string[] {
  const { outcomes, connects } = row;
  return [
    row.scenario,
    `${row.faultSeconds.toFixed(0)} s`,
    String(row.sent),
    String(outcomes.fresh),
    String(outcomes.stale),
    String(outcomes.failed),
    String(outcomes.unanswered),
    `${(row.longestWaitMs / 1000).toFixed(1)} s`,
    row.reachableAfterMs === null ? '' : formatAfter(row.reachableAfterMs),
    formatAfter(row.answersAfterMs),
    formatAfter(row.fullServiceAfterMs),
    connects.failed === 0 ? String(connects.ok) : `${connects.ok} + ${connects.failed} failed`,
    `${toMiB(row.peakBytes)} (+${toMiB(row.peakBytes - row.startBytes)})`,
    `${(row.cpuShare * 100).toFixed(1)} %`,
    Object.entries(row.failures)
      .toSorted(([, a], [, b]) => b - a)
      .map(([reason, count]) => `${reason} ${count}`)
      .join(', '),
  ];
}

function formatAfter(ms: number | null): string {
  if (ms === null) return 'never';
  return ms <= 0 ? 'at once' : `${(ms / 1000).toFixed(1)} s`;
}
