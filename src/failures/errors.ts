import { type ErrorCode, failureKind, joinRemedy } from './failures.ts';

/**
 * The base class of all errors that dns4tor throws deliberately. `code` carries the meaning. `problem` and `remedy` are
 * for people; `message` joins them for logs.
 */
export class Dns4torError extends Error {
  readonly code: ErrorCode;
  /** What the failure concerns, such as an address or a status. Never a queried name. */
  readonly detail: string | undefined;
  /** What happened, beginning with the detail. */
  readonly problem: string;
  /** What to do about it. Undefined where dns4tor recovers by itself. */
  readonly remedy: string | undefined;

  /**
   * @param detail see {@link Dns4torError.detail}
   * @param cause the error that this one explains
   * @param remedy replaces the remedy of the failures table
   */
  constructor(code: ErrorCode, detail?: string, cause?: unknown, remedy?: string) {
    const kind = failureKind(code);
    const problem = detail === undefined ? kind.problem : `${detail}: ${kind.problem}`;
    super(joinRemedy(problem, remedy ?? kind.remedy), { cause });
    this.name = 'Dns4torError';
    this.code = code;
    this.detail = detail;
    this.problem = problem;
    this.remedy = remedy ?? kind.remedy;
  }
}

/** Returns a Dns4torError unchanged and wraps any other thrown value as ERR_INTERNAL, a defect. */
export function toDns4torError(error: unknown): Dns4torError {
  return error instanceof Dns4torError ? error : new Dns4torError('ERR_INTERNAL', undefined, error);
}

/** What went wrong, for a person: the problem of a Dns4torError, or the message of any other error. */
export function problemOf(thrown: unknown): string {
  if (thrown instanceof Dns4torError) return thrown.problem;
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Codes of the operating system for a socket that could not be bound. */
const LISTEN_CODES: Readonly<Record<string, ErrorCode>> = {
  EADDRINUSE: 'ERR_LISTEN_IN_USE',
  EACCES: 'ERR_LISTEN_DENIED',
  EPERM: 'ERR_LISTEN_DENIED',
  EADDRNOTAVAIL: 'ERR_LISTEN_ADDRESS',
  // For ::1 on a kernel without IPv6.
  EAFNOSUPPORT: 'ERR_LISTEN_ADDRESS',
  // For a link-local address whose network interface does not exist (ipv6(7)).
  EINVAL: 'ERR_LISTEN_ADDRESS',
};

/**
 * Converts the error of `listen` or `bind`.
 * @param address host:port, for the message
 */
export function toListenError(error: unknown, address: string): Dns4torError {
  const code = error instanceof Error && 'code' in error ? LISTEN_CODES[String(error.code)] : undefined;
  return new Dns4torError(code ?? 'ERR_LISTEN', address, error);
}
