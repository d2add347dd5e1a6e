import type { Clock, Timer } from '../lib/clock.ts';

/**
 * Five lines show a pattern; the sixth of the same within ten seconds says nothing that its count would not. Ten seconds, since whoever looks
 * at the log because something is wrong should not wait longer for that count.
 */
const REPETITION_LINES = 5;
const REPETITION_WINDOW_MS = 10_000;

/** Says how many were left out in a window that has ended. */
export type OnRepeated<T> = (last: T, count: number, elapsedMs: number) => void;

interface Window<T> {
  readonly startedAtMs: number;
  passed: number;
  leftOut: number;
  last: T | undefined;
  end: Timer | undefined;
}

/**
 * Holds back what repeats, and counts it: nothing is left out without being told of, when the window ends or at the latest when this is
 * disposed of.
 */
export class LogLimiter<T> implements Disposable {
  readonly #clock: Clock;
  readonly #onRepeated: OnRepeated<T>;
  readonly #windows = new Map<string, Window<T>>();

  constructor(clock: Clock, onRepeated: OnRepeated<T>) {
    this.#clock = clock;
    this.#onRepeated = onRepeated;
  }

  /**
   * Whether the line may be written; if not, it has been counted.
   * @param key of a closed set: one window is kept for each
   */
  admits(key: string, line: T): boolean {
    const now = this.#clock.now();
    let window = this.#windows.get(key);
    if (window === undefined || now - window.startedAtMs >= REPETITION_WINDOW_MS) {
      if (window !== undefined) this.#tell(window);
      window = { startedAtMs: now, passed: 0, leftOut: 0, last: undefined, end: undefined };
      this.#windows.set(key, window);
    }
    if (window.passed < REPETITION_LINES) {
      window.passed += 1;
      return true;
    }
    window.leftOut += 1;
    window.last = line;
    // Only where there is something to tell: a timer keeps the process alive.
    const ended = window;
    window.end ??= this.#clock.schedule(window.startedAtMs + REPETITION_WINDOW_MS - now, () => {
      this.#windows.delete(key);
      this.#tell(ended);
    });
    return false;
  }

  [Symbol.dispose](): void {
    const windows = [...this.#windows.values()];
    this.#windows.clear();
    for (const window of windows) this.#tell(window);
  }

  #tell({ leftOut, last, startedAtMs, end }: Window<T>): void {
    end?.cancel();
    if (last !== undefined) this.#onRepeated(last, leftOut, this.#clock.now() - startedAtMs);
  }
}
