import type { Clock, Timer } from '../lib/clock.ts';
import { MS_PER_MINUTE, MS_PER_SECOND } from '../lib/units.ts';
import { DELAY_SECONDS } from './buckets.ts';
import { Histogram } from './histogram.ts';

/** Sampling interval. Each sample costs one wake-up of some microseconds. */
const SAMPLE_MS = 500;

/** How long sampling continues after each scrape. Scrapers come every minute or more often. */
const SAMPLING_MS: number = 5 * MS_PER_MINUTE;

/**
 * Samples how late timers fire because the event loop is busy, which is how late an answer can be. Node's own sampler
 * (perf_hooks' monitorEventLoopDelay) wakes the process all the time, even on an idle laptop. This one does only while
 * the metrics are scraped.
 */
export class EventLoopDelay implements Disposable {
  readonly #clock: Clock;
  readonly #seconds = new Histogram(DELAY_SECONDS);
  #samplingUntil = -Infinity;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The delays sampled so far, in seconds. Keeps the sampling running for another five minutes. */
  look(): Histogram {
    this.#samplingUntil = this.#clock.now() + SAMPLING_MS;
    if (this.#timer === undefined) this.#sampleLater();
    return this.#seconds;
  }

  #sampleLater(): void {
    const dueAt = this.#clock.now() + SAMPLE_MS;
    this.#timer = this.#clock.schedule(SAMPLE_MS, () => {
      const now = this.#clock.now();
      // A timer may fire a fraction of a millisecond early.
      this.#seconds.observe(Math.max(0, now - dueAt) / MS_PER_SECOND);
      this.#timer = undefined;
      if (now < this.#samplingUntil) this.#sampleLater();
    });
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
  }
}
