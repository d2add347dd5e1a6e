import type { Answer } from '../message/answer.ts';
import { MAX_NEGATIVE_SECONDS, MAX_POSITIVE_SECONDS } from '../message/record.ts';

/** For how many seconds an answer may be given again; 0 for one that is not to be kept. */
export function lifetimeSeconds(answer: Answer): number {
  const { kind, lowestTtl, negativeTtl } = answer;
  switch (kind) {
    case 'data':
      return Math.min(lowestTtl ?? 0, MAX_POSITIVE_SECONDS);
    case 'nxdomain':
    case 'nodata':
      // RFC 2308 §5: a negative answer without an SOA record should not be cached.
      if (negativeTtl === undefined) return 0;
      return Math.min(lowestTtl ?? 0, negativeTtl, MAX_NEGATIVE_SECONDS);
    case 'failure':
      return 0;
  }
}

/** RFC 9520 §3.2: a failure is kept for a second at least. */
const FIRST_FAILURE_SECONDS = 1;

/** RFC 9520 §3.2 allows five minutes; half of one is what a person bears who has just mended what failed. */
const MAX_FAILURE_SECONDS = 30;

/** For how many seconds a failure is given again, the `count`-th in a row: it doubles with each (RFC 9520 §3.2). */
export function failureSeconds(count: number): number {
  return Math.min(FIRST_FAILURE_SECONDS * 2 ** (count - 1), MAX_FAILURE_SECONDS);
}
