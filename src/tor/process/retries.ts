import type { BackOff } from '../../lib/back-off.ts';

/** The first comes soon, since most failures are single ones; the last pause is what a person who mends a cause will bear. */
export const RETRIES: BackOff = { firstMs: 1_000, longestMs: 30_000 };
