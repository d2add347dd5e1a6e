import type { Random } from './random.ts';

/** How long to leave alone what has just failed, in milliseconds. */
export interface BackOff {
  /** After the first failure. It doubles with each failure in a row before. */
  readonly firstMs: number;
  readonly longestMs: number;
}

/**
 * The next pause. The jitter takes up to a half off, so that clients that failed together do not come back together.
 * @param failures in a row, before the one that the pause is for
 */
export function drawPauseMs({ firstMs, longestMs }: BackOff, failures: number, random: Random): number {
  return Math.min(longestMs, firstMs * 2 ** failures) * ((1 + random.fraction()) / 2);
}
