import { MS_PER_SECOND } from '../src/lib/units.ts';
import type { AnswerCounts, LatencySnapshot, MinuteSnapshot } from '../src/status/snapshot.ts';

/** The sources of answers from the bottom of the stacked bars to the top. */
export const SOURCES = [
  'local',
  'cache',
  'upstream',
  'stale',
  'failed',
] as const satisfies readonly (keyof AnswerCounts)[];

/** The curves of the latency plot. */
export const LATENCIES = ['p50Ms', 'p95Ms'] as const satisfies readonly (keyof LatencySnapshot)[];

/** A plot's data as uPlot takes it: first the points' times in seconds since 1970, then one column for each series. */
export type Columns = readonly (readonly (number | null)[])[];

/**
 * The columns of the stacked bars, the highest bar first, because each lower one is drawn over it. A value is the sum
 * of a source and all sources below it. Null for a source without answers: its bar would show at the edges of the next.
 */
export function stackedColumns(minutes: readonly MinuteSnapshot[]): Columns {
  const stacks = minutes.map(({ answers }) => {
    let sum = 0;
    return SOURCES.map((source) => {
      sum += answers[source];
      return answers[source] === 0 ? null : sum;
    });
  });
  return [times(minutes), ...SOURCES.map((_, level) => stacks.map((stack) => stack[SOURCES.length - 1 - level]!))];
}

/** The columns of the latency plot. Null in a minute without answers. */
export function latencyColumns(minutes: readonly MinuteSnapshot[]): Columns {
  return [times(minutes), ...LATENCIES.map((quantile) => minutes.map(({ latency }) => latency[quantile]))];
}

function times(minutes: readonly MinuteSnapshot[]): readonly number[] {
  return minutes.map(({ startedAtEpochMs }) => startedAtEpochMs / MS_PER_SECOND);
}
