import type { Random } from '../../src/lib/random.ts';

/** Time to the next of independent events (exponential distribution). */
export function drawExponential(random: Random, mean: number): number {
  return -Math.log(1 - random.fraction()) * mean;
}

/**
 * Ranks from 0 to below `count` by Zipf's law: rank i has a weight of (i + 1) to the power of `-exponent`.
 * @returns maps a uniform fraction (0 to below 1) to a rank
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

/** Draws a value by its weight. */
export function drawWeighted<T>(random: Random, weighted: readonly (readonly [value: T, weight: number])[]): T {
  let left = random.fraction() * weighted.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [value, weight] of weighted) {
    left -= weight;
    if (left < 0) return value;
  }
  return (weighted.at(-1) as readonly [T, number])[0];
}

/** Draws a standard normal deviate. */
export function drawNormal(random: Random): number {
  return normalDeviate(random.fraction());
}

/**
 * Quantile function of the standard normal distribution, to 0.0005 (Abramowitz and Stegun, 26.2.23). Bounded to ±6.
 */
export function normalDeviate(probability: number): number {
  const tail = Math.max(1e-9, Math.min(probability, 1 - probability));
  const t = Math.sqrt(-2 * Math.log(tail));
  const numerator = 2.515517 + t * (0.802853 + t * 0.010328);
  const denominator = 1 + t * (1.432788 + t * (0.189269 + t * 0.001308));
  return Math.sign(probability - 0.5) * (t - numerator / denominator);
}
