import type { ErrorCode } from '../failures/failures.ts';

/** The state of a route. */
export interface RouteStatus {
  /** As it was configured. */
  readonly suffix: string;
  /** In the order in which they are tried. */
  readonly servers: readonly RouteServerStatus[];
  /** Number of queries by outcome: `ok`, or the label of a failure. */
  readonly outcomes: ReadonlyMap<string, number>;
}

/** The state of a server of a route. */
export interface RouteServerStatus {
  /** host:port. */
  readonly address: string;
  /** Why the latest query failed. Undefined if it was answered, or there was none. */
  readonly failure: ErrorCode | undefined;
}
