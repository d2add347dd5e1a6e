/** Counts values by size, in buckets fixed at construction. Observing does not allocate. */
export class Histogram {
  /** The buckets' inclusive upper bounds, ascending; a last bucket holds what is above all of them. */
  readonly bounds: readonly number[];
  /** By bucket, not cumulative. */
  readonly #counts: Float64Array;
  /** The sum of all values, in an array so that it is not boxed anew for each value. */
  readonly #sum: Float64Array = new Float64Array(1);

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    // From the lowest up, not by bisection: cached answers and plain queries, which are most, fall into the first few.
    let bucket = 0;
    while (bucket < this.bounds.length && value > this.bounds[bucket]!) bucket += 1;
    this.#counts[bucket]! += 1;
    this.#sum[0]! += value;
  }

  get sum(): number {
    return this.#sum[0]!;
  }

  /** For each bound the number of values up to it, and last the number of all values: what Prometheus calls `le`. */
  cumulative(): number[] {
    let total = 0;
    return Array.from(this.#counts, (count) => (total += count));
  }
}
