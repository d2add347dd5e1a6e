import type { AnswerCounts, MinuteSnapshot } from '../src/status/snapshot.ts';

/** Where answers come from, as they are stacked: the lowest first. The words of `dns4tor status`, too. */
export const SOURCES = [
  { key: 'local', label: 'made here' },
  { key: 'cache', label: 'cache' },
  { key: 'upstream', label: 'resolver' },
  { key: 'stale', label: 'expired' },
  { key: 'failed', label: 'failed' },
] as const satisfies readonly { readonly key: keyof AnswerCounts; readonly label: string }[];

export const LATENCIES = [
  { key: 'p50Ms', name: 'p50', label: 'half within' },
  { key: 'p95Ms', name: 'p95', label: '95 of 100 within' },
] as const;

/** One column for each of a plot's points, the first of them their times in seconds since 1970. */
export type Columns = readonly (readonly (number | null)[])[];

const MINUTES = 60;
const MINUTE_SECONDS = 60;
const MS_PER_SECOND = 1000;

export function totalOf(answers: AnswerCounts): number {
  return SOURCES.reduce((sum, { key }) => sum + answers[key], 0);
}

/**
 * For each source the answers of it and of those below it, the highest first: drawn in this order, each leaves the next one room. Null where a
 * source has none: its bar would show at the edges of the one over it.
 */
export function stackedColumns(minutes: readonly MinuteSnapshot[]): Columns {
  const stacks = minutes.map(({ answers }) => {
    let sum = 0;
    return SOURCES.map(({ key }) => {
      sum += answers[key];
      return answers[key] === 0 ? null : sum;
    });
  });
  return [times(minutes), ...SOURCES.map((_, level) => pad(stacks.map((stack) => stack[SOURCES.length - 1 - level]!)))];
}

export function latencyColumns(minutes: readonly MinuteSnapshot[]): Columns {
  return [times(minutes), ...LATENCIES.map(({ key }) => pad(minutes.map(({ latency }) => latency[key])))];
}

/** The minute that stands at this place in the columns; undefined where it lies before the first. */
export function minuteAt(minutes: readonly MinuteSnapshot[], place: number): MinuteSnapshot | undefined {
  return minutes[place - missing(minutes)];
}

/** A whole hour, so that a process that has just begun has bars no wider than later. */
function times(minutes: readonly MinuteSnapshot[]): readonly number[] {
  const known = minutes.map(({ startedAtEpochMs }) => startedAtEpochMs / MS_PER_SECOND);
  const first = known[0] ?? 0;
  const before = missing(minutes);
  return [...Array.from({ length: before }, (_, index) => first - (before - index) * MINUTE_SECONDS), ...known];
}

function pad(values: readonly (number | null)[]): readonly (number | null)[] {
  return [...Array.from({ length: missing(values) }, () => null), ...values];
}

/** What a younger process has not yet of an hour. */
function missing({ length }: { readonly length: number }): number {
  return Math.max(0, MINUTES - length);
}
