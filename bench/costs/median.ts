import { percentile } from '../latencies.ts';

/** The middle one, or the lower of two. @param values at least one */
export function median(values: readonly number[]): number {
  return percentile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}
