/** States of an upstream's circuit breaker; the `state` label of `dns4tor_upstream_breaker_state`. */
export const BREAKER_STATES = ['closed', 'open', 'half_open'] as const;
export type BreakerState = (typeof BREAKER_STATES)[number];

/** States of a connection slot: usable, being opened, or empty. */
export const CONNECTION_STATES = ['open', 'connecting', 'closed'] as const;
export type ConnectionState = (typeof CONNECTION_STATES)[number];

/**
 * Status of the connection in one slot. Connections are replaced from time to time while slots stay, so nothing here
 * identifies a connection.
 */
export interface ConnectionStatus {
  /** From 0 to one less than the number of connections per upstream. */
  readonly slot: number;
  readonly state: ConnectionState;
  /** Expected response time in milliseconds; undefined until the connection is open. */
  readonly typicalMs: number | undefined;
  /** Queries that have been sent and not yet answered. */
  readonly inFlight: number;
}
