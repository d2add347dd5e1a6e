import type { Answer } from '../message/answer/answer.ts';
import { MAX_NEGATIVE_SECONDS, MAX_POSITIVE_SECONDS } from '../message/wire/record.ts';

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

/** RFC 9520 §3.2: a failure is kept for at least one second. */
const FIRST_FAILURE_SECONDS = 1;

/**
 * RFC 9520 §3.2 allows five minutes. A failure may well be the resolver's own, and one entry cannot tell. So every name
 * is asked again within five seconds after the cause has ended.
 */
const MAX_FAILURE_SECONDS = 4;

/**
 * Seconds for which a failure is kept. The time doubles with each failure in a row (RFC 9520 §3.2).
 * @param count failures in a row, this one included. Below 1, the failure is only counted.
 */
export function failureSeconds(count: number): number {
  return count < 1 ? 0 : Math.min(FIRST_FAILURE_SECONDS * 2 ** (count - 1), MAX_FAILURE_SECONDS);
}
