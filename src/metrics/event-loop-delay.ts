import type { Clock, Timer } from '../lib/clock.ts';
import { MS_PER_MINUTE, MS_PER_SECOND } from '../lib/units.ts';
import { DELAY_SECONDS } from './buckets.ts';
import { Histogram } from './histogram.ts';

/** How often it is sampled while somebody looks: two wake-ups a second, of some microseconds each. */
const SAMPLE_MS = 500;

/** For so long after each look. Scrapers come every minute, or oftener; a laptop that nobody scrapes is left asleep. */
const WATCHED_MS: number = 5 * MS_PER_MINUTE;

/**
 * How late the process gets to what is due, because something else takes its only thread: by as much every answer is late at worst.
 * Node's own sampler (perf_hooks' monitorEventLoopDelay) wakes the process all the time; this one only while it is looked at.
 */
export class EventLoopDelay implements Disposable {
  readonly #clock: Clock;
  readonly #seconds = new Histogram(DELAY_SECONDS);
  #watchedUntil = -Infinity;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What was sampled so far, in seconds. It goes on for five minutes. */
  look(): Histogram {
    this.#watchedUntil = this.#clock.now() + WATCHED_MS;
    if (this.#timer === undefined) this.#sampleLater();
    return this.#seconds;
  }

  #sampleLater(): void {
    const dueAt = this.#clock.now() + SAMPLE_MS;
    this.#timer = this.#clock.schedule(SAMPLE_MS, () => {
      const now = this.#clock.now();
      // Timers count whole milliseconds, and may be a fraction of one early.
      this.#seconds.observe(Math.max(0, now - dueAt) / MS_PER_SECOND);
      this.#timer = undefined;
      if (now < this.#watchedUntil) this.#sampleLater();
    });
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
  }
}
