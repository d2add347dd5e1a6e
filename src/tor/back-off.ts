import type { Random } from '../lib/random.ts';

/** The first retry comes soon, since most failures are single ones; the last wait is what a person who mends a cause will bear. */
const RETRY_DELAY_MS = { first: 1_000, max: 30_000 } as const;

/** Doubles with each failure in a row before; the jitter takes up to a half off, so that two of our kind do not stay in step. */
export function retryDelayMs(failures: number, random: Random): number {
  const delayMs = Math.min(RETRY_DELAY_MS.max, RETRY_DELAY_MS.first * 2 ** failures);
  return delayMs * (1 - random.fraction() / 2);
}
