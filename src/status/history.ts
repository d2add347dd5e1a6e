import { MINUTES_PER_HOUR, MS_PER_HOUR } from '../lib/units.ts';
import { add, type Counts, subtract } from './counts.ts';

/** A period of a minute or longer with its counts. */
interface Minute {
  readonly startedAtEpochMs: number;
  readonly counts: Counts;
}

/** The counts of the last hour, minute by minute. They are differences of the totals at the start of each minute. */
export class History {
  /** The completed minutes, oldest first. */
  #past: readonly Minute[] = [];
  #startedAtEpochMs: number;
  /** Totals at the start of the current minute. */
  #atStart: Counts;

  /** Starts the first minute. */
  constructor(now: Counts, nowEpochMs: number) {
    this.#atStart = now;
    this.#startedAtEpochMs = nowEpochMs;
  }

  /** Ends the current minute and starts the next. */
  nextMinute(now: Counts, nowEpochMs: number): void {
    // If the wall clock was set back, minutes that now lie in the future are dropped to keep the order.
    this.#past = this.minutes(now, nowEpochMs)
      .filter(({ startedAtEpochMs }) => startedAtEpochMs < nowEpochMs)
      .slice(1 - MINUTES_PER_HOUR);
    this.#atStart = now;
    this.#startedAtEpochMs = nowEpochMs;
  }

  /** The minutes of the last hour, oldest first. The last is the current one. */
  minutes(now: Counts, nowEpochMs: number): readonly Minute[] {
    const current = { startedAtEpochMs: this.#startedAtEpochMs, counts: subtract(now, this.#atStart) };
    // After a sleep, older minutes are no longer part of the last hour.
    return [...this.#past.filter(({ startedAtEpochMs }) => startedAtEpochMs > nowEpochMs - MS_PER_HOUR), current];
  }
}

/** The total counts of one or more minutes. */
export function sumOf(minutes: readonly Minute[]): Counts {
  return minutes.map(({ counts }) => counts).reduce(add);
}
