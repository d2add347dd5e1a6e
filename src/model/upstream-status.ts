/** Whether queries may wait for a connection to an upstream; the `state` label of `dns4tor_upstream_breaker_state`. */
export const BREAKER_STATES = ['closed', 'open', 'half_open'] as const;
export type BreakerState = (typeof BREAKER_STATES)[number];

/** Whether a query would be sent over a circuit at once, or first waits for its connection. */
export const CONNECTION_STATES = ['open', 'connecting', 'closed'] as const;
export type ConnectionState = (typeof CONNECTION_STATES)[number];

/**
 * What is known of the circuit that is in a slot at one moment. Circuits are replaced from time to time, slots stay:
 * nothing here tells one circuit from another.
 */
export interface ConnectionStatus {
  /** From 0 up to the number of circuits to an upstream. */
  readonly slot: number;
  readonly state: ConnectionState;
  /** Time in which an answer is expected over it, in milliseconds; undefined until it is open. */
  readonly typicalMs: number | undefined;
  /** Queries that wait for their answer on it. */
  readonly inFlight: number;
}
