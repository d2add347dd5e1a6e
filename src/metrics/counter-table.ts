/** Label names in order, each with all its possible values. */
type Dimensions = Readonly<Record<string, readonly string[]>>;
/** The labels of one series. */
export type Labels = Readonly<Record<string, string>>;

/**
 * One counter for each combination of up to three labels. All label values are known beforehand, so no event can add a
 * series, and counting neither allocates nor compares strings. Exact up to 2^53.
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

  /** Increments the counter at these indexes of the label values, in the order of the labels. */
  increment(index0 = 0, index1 = 0, index2 = 0): void {
    this.#counts[(index0 * this.#size1 + index1) * this.#size2 + index2]! += 1;
  }

  /** Every combination of labels with its count, in order. Allocates, so it is meant for scrapes. */
  entries(): { labels: Labels; count: number }[] {
    let combinations: Labels[] = [{}];
    for (const [label, values] of Object.entries(this.#dimensions)) {
      combinations = combinations.flatMap((labels) => values.map((value) => ({ ...labels, [label]: value })));
    }
    return combinations.map((labels, slot) => ({ labels, count: this.#counts[slot]! }));
  }
}
