import type { Clock, Timer } from '../lib/clock.ts';

/** Lines of one kind that are written in a window. Five show a pattern; of further ones the count is enough. */
const LINES_PER_WINDOW = 5;
/** Short enough that somebody who reads the log during a problem soon sees the count. */
const WINDOW_MS = 10_000;

/** Receives the number of suppressed lines when their window has ended. */
type OnRepeated<T> = (last: T, count: number, elapsedMs: number) => void;

interface Window<T> {
  readonly startedAtMs: number;
  passed: number;
  suppressed: number;
  last: T | undefined;
  end: Timer | undefined;
}

/**
 * Suppresses repeated log lines and counts them. The count is reported when their window ends, or on disposal.
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
   * Whether to write the line. If not, it is counted.
   * @param key one of few values, because each gets a window
   */
  admits(key: string, line: T): boolean {
    const now = this.#clock.now();
    let window = this.#windows.get(key);
    if (window === undefined || now - window.startedAtMs >= WINDOW_MS) {
      if (window !== undefined) this.#report(window);
      window = { startedAtMs: now, passed: 0, suppressed: 0, last: undefined, end: undefined };
      this.#windows.set(key, window);
    }
    if (window.passed < LINES_PER_WINDOW) {
      window.passed += 1;
      return true;
    }
    window.suppressed += 1;
    window.last = line;
    // Only if there is something to report: a timer keeps the process alive.
    const ended = window;
    window.end ??= this.#clock.schedule(window.startedAtMs + WINDOW_MS - now, () => {
      this.#windows.delete(key);
      this.#report(ended);
    });
    return false;
  }

  [Symbol.dispose](): void {
    const windows = [...this.#windows.values()];
    this.#windows.clear();
    for (const window of windows) this.#report(window);
  }

  #report({ suppressed, last, startedAtMs, end }: Window<T>): void {
    end?.cancel();
    if (last !== undefined) this.#onRepeated(last, suppressed, this.#clock.now() - startedAtMs);
  }
}
