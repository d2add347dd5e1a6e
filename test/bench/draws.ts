import type { Random } from '../../src/lib/random.ts';

/** The time to the next of events that know nothing of each other. */
export function drawExponential(random: Random, mean: number): number {
  return -Math.log(1 - random.fraction()) * mean;
}

/**
 * Ranks from 0 to below `count`, by Zipf's law: the share of each is as its place, counted from 1, to the power of `-exponent`.
 * @returns the rank for a fraction of 0 to below 1; with fractions that are uniform, ranks with these shares
 */
export function zipfRanks(count: number, exponent: number): (fraction: number) => number {
  const cumulative = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank++) cumulative[rank] = sum += (rank + 1) ** -exponent;
  return (fraction) => {
    const wanted = fraction * sum;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((cumulative[middle] as number) > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

/** A value by its weight. */
export function drawWeighted<T>(random: Random, weighted: readonly (readonly [value: T, weight: number])[]): T {
  let left = random.fraction() * weighted.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [value, weight] of weighted) {
    left -= weight;
    if (left < 0) return value;
  }
  return (weighted.at(-1) as readonly [T, number])[0];
}
