import { MINUTES_PER_HOUR, MS_PER_HOUR } from '../lib/units.ts';
import { add, type Counts, subtract } from './counts.ts';

/** A stretch of time, and what was counted in it. */
interface Minute {
  readonly startedAtEpochMs: number;
  readonly counts: Counts;
}

/** The last hour by the minute, drawn from what counters said at the start of each. */
export class History {
  /** Those that are over, the oldest first. */
  #past: readonly Minute[] = [];
  #startedAtEpochMs: number;
  /** What had been counted when the current minute began. */
  #atStart: Counts;

  /** Begins the first minute. */
  constructor(now: Counts, nowEpochMs: number) {
    this.#atStart = now;
    this.#startedAtEpochMs = nowEpochMs;
  }

  /** Ends the current minute and begins the next. */
  turn(now: Counts, nowEpochMs: number): void {
    // Where the wall clock was set back, what lies ahead of it cannot be put in order with what comes.
    this.#past = this.minutes(now, nowEpochMs)
      .filter(({ startedAtEpochMs }) => startedAtEpochMs < nowEpochMs)
      .slice(1 - MINUTES_PER_HOUR);
    this.#atStart = now;
    this.#startedAtEpochMs = nowEpochMs;
  }

  /** The minutes of the last hour, the oldest first; the last is the current one. */
  minutes(now: Counts, nowEpochMs: number): readonly Minute[] {
    const current = { startedAtEpochMs: this.#startedAtEpochMs, counts: subtract(now, this.#atStart) };
    // A machine that has slept has fewer minutes behind it.
    return [...this.#past.filter(({ startedAtEpochMs }) => startedAtEpochMs > nowEpochMs - MS_PER_HOUR), current];
  }
}

/** What was counted in all of them; at least one. */
export function sumOf(minutes: readonly Minute[]): Counts {
  return minutes.map(({ counts }) => counts).reduce(add);
}
