/** Ordered label names, each with all the values that it can have. */
type Dimensions = Readonly<Record<string, readonly string[]>>;
export type Labels = Readonly<Record<string, string>>;

/**
 * One counter for each combination of up to three labels, all of whose values are known beforehand: nothing that is
 * counted can add a label, and counting neither allocates nor looks at a string. Exact up to 2^53.
 */
export class CounterTable {
  readonly #dimensions: Dimensions;
  readonly #size1: number;
  readonly #size2: number;
  readonly #counts: Float64Array;

  constructor(dimensions: Dimensions) {
    const [size0 = 1, size1 = 1, size2 = 1] = Object.values(dimensions).map((values) => values.length);
    this.#dimensions = dimensions;
    this.#size1 = size1;
    this.#size2 = size2;
    this.#counts = new Float64Array(size0 * size1 * size2);
  }

  /** Adds one to the counter at these indexes of the dimensions' values, in the dimensions' order. */
  increment(index0 = 0, index1 = 0, index2 = 0): void {
    this.#counts[(index0 * this.#size1 + index1) * this.#size2 + index2]! += 1;
  }

  /** Every combination with its count, in the order of the dimensions. For scrapes: it allocates. */
  entries(): { labels: Labels; count: number }[] {
    let combinations: Labels[] = [{}];
    for (const [label, values] of Object.entries(this.#dimensions)) {
      combinations = combinations.flatMap((labels) => values.map((value) => ({ ...labels, [label]: value })));
    }
    return combinations.map((labels, slot) => ({ labels, count: this.#counts[slot]! }));
  }
}
