/** How much one more answer counts, once there are enough: the last dozen or so make the estimate. */
const WEIGHT = 0.2;

/**
 * How long one circuit takes to answer. A circuit's times lie on a logarithmic scale (most near its own typical value, a few far above), so
 * the mean is taken of their logarithms: a single answer of ten seconds does not make a fast circuit slow. The first answers have equal
 * weights, later ones a fixed one, so that the estimate follows a circuit that changes.
 */
export class ResponseTime {
  #meanLog = 0;
  #samples = 0;

  /** How many answers the estimate rests on. */
  get samples(): number {
    return this.#samples;
  }

  record(durationMs: number): void {
    this.#samples++;
    const weight = Math.max(WEIGHT, 1 / this.#samples);
    this.#meanLog += weight * (Math.log(Math.max(1, durationMs)) - this.#meanLog);
  }

  /** Milliseconds; undefined before the first answer. */
  get typicalMs(): number | undefined {
    return this.#samples === 0 ? undefined : Math.exp(this.#meanLog);
  }
}

/** The times of the latest answers of all circuits, for what they say together: how long most answers take. */
export class RecentTimes {
  readonly #size: number;
  readonly #times: number[] = [];
  /** The same from the shortest to the longest: kept so, since the quantile is asked for with every query. */
  readonly #sorted: number[] = [];
  #next = 0;

  /** @param size how many are kept; at least 1 */
  constructor(size: number) {
    this.#size = size;
  }

  get count(): number {
    return this.#times.length;
  }

  record(durationMs: number): void {
    const oldest = this.#times[this.#next];
    if (oldest !== undefined) this.#sorted.splice(this.#sorted.indexOf(oldest), 1);
    let place = this.#sorted.length;
    while (place > 0 && (this.#sorted[place - 1] as number) > durationMs) place--;
    this.#sorted.splice(place, 0, durationMs);
    this.#times[this.#next] = durationMs;
    this.#next = (this.#next + 1) % this.#size;
  }

  /** The time within which the share `quantile` (0 to 1) of the answers came; undefined without any. */
  quantile(quantile: number): number | undefined {
    const last = this.#sorted.length - 1;
    return this.#sorted[Math.min(last, Math.floor(this.#sorted.length * quantile))];
  }
}
