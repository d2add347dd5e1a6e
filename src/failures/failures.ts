import { DNS_FAILURES } from './dns-failures.ts';
import { SYSTEM_FAILURES } from './system-failures.ts';
import { TOR_FAILURES } from './tor-failures.ts';

/** Extended DNS Error codes that dns4tor's answers can carry (RFC 8914 §4). */
export const EDE = {
  other: 0,
  staleAnswer: 3,
  cachedError: 13,
  notReady: 14,
  blocked: 15,
  prohibited: 18,
  staleNxdomain: 19,
  notAuthoritative: 20,
  notSupported: 21,
  noReachableAuthority: 22,
  networkError: 23,
  invalidData: 24,
} as const;

/** A row of the failures table. */
export interface FailureKind {
  /** RCODE of the reply. @default 'SERVFAIL' */
  readonly rcode?: 'FORMERR' | 'NOTIMP' | 'REFUSED' | 'BADVERS';
  /** Extended DNS Error of the reply. Absent if the RCODE says everything, or if the failure never reaches a client. */
  readonly ede?: keyof typeof EDE;
  /** Value of the metrics labels `reason` and `outcome`. Stable. */
  readonly label: string;
  /** What happened, for a person: a clause without a full stop. Never contains a queried name. */
  readonly problem: string;
  /** What the person can do about it, as a clause. Absent where dns4tor recovers by itself. */
  readonly remedy?: string;
}

/** All failures of dns4tor: from an error's code to what clients, metrics and people learn. */
export const FAILURES = {
  ...TOR_FAILURES,
  ...DNS_FAILURES,
  ...SYSTEM_FAILURES,
} as const;

/** Stable: code compares it, users search for it. */
export type ErrorCode = keyof typeof FAILURES;

/** All codes, in the order of the table. */
export const FAILURE_CODES = Object.keys(FAILURES) as readonly ErrorCode[];

/** The table's row for a code. */
export function failureKind(code: ErrorCode): FailureKind {
  return FAILURES[code];
}

/** The problem and remedy of a code in one line. */
export function failureText(code: ErrorCode): string {
  const { problem, remedy } = failureKind(code);
  return joinRemedy(problem, remedy);
}

/**
 * Joins a problem and its remedy for readers who get one line: logs, stderr, EDE texts. Code reads the parts instead.
 */
export function joinRemedy(problem: string, remedy: string | undefined): string {
  return remedy === undefined ? problem : `${problem}; ${remedy}`;
}
