import type { Random } from './random.ts';

/** Exponential back-off. */
export interface BackOff {
  /** Pause after the first failure. It doubles with each consecutive failure. */
  readonly firstMs: number;
  readonly longestMs: number;
}

/**
 * Draws the next pause in milliseconds. Jitter shortens it by up to half, so that clients that failed at the same time
 * do not retry at the same time.
 * @param failures consecutive failures before the latest one
 */
export function drawPauseMs({ firstMs, longestMs }: BackOff, failures: number, random: Random): number {
  return Math.min(longestMs, firstMs * 2 ** failures) * ((1 + random.fraction()) / 2);
}
