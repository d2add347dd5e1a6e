/** Counts values by size, in buckets fixed at construction. Observing does not allocate. */
export class Histogram {
  /** Inclusive upper bounds of the buckets, ascending. One more bucket counts the values above them. */
  readonly bounds: readonly number[];
  /** Values per bucket, not cumulative. */
  readonly #counts: Float64Array;
  /** The sum of all values. An array element is not boxed anew for each value. */
  readonly #sum: Float64Array = new Float64Array(1);

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    // A linear search, because most values are cached answers and fall into the first few buckets.
    let bucket = 0;
    while (bucket < this.bounds.length && value > this.bounds[bucket]!) bucket += 1;
    this.#counts[bucket]! += 1;
    this.#sum[0]! += value;
  }

  get sum(): number {
    return this.#sum[0]!;
  }

  /** For each bound the number of values up to it (Prometheus's `le`), then the number of all values. */
  cumulative(): number[] {
    let total = 0;
    return Array.from(this.#counts, (count) => (total += count));
  }
}
