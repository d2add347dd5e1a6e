import type { Answer } from '../message/answer/answer.ts';
import { MAX_NEGATIVE_SECONDS, MAX_POSITIVE_SECONDS } from '../message/wire/record.ts';

/** How long an answer may be cached, in seconds; 0 if it may not. */
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

/** RFC 9520 §3.2: failures are cached for at least one second. */
const FIRST_FAILURE_SECONDS = 1;

/**
 * Maximum time to cache a failure. RFC 9520 §3.2 allows five minutes. But one entry cannot tell whether the name or the
 * resolver failed, and all names must resolve again within five seconds after a resolver recovers.
 */
const MAX_FAILURE_SECONDS = 4;

/**
 * How long a failure is cached, in seconds. Doubles with each consecutive failure (RFC 9520 §3.2).
 * @param count consecutive failures, with this one. Below 1 the failure is only counted.
 */
export function failureSeconds(count: number): number {
  return count < 1 ? 0 : Math.min(FIRST_FAILURE_SECONDS * 2 ** (count - 1), MAX_FAILURE_SECONDS);
}
