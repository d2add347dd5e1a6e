/** Whether queries may wait for a connection to an upstream; the `state` label of `dns4tor_upstream_breaker_state`. */
export const BREAKER_STATES = ['closed', 'open', 'half_open'] as const;
export type BreakerState = (typeof BREAKER_STATES)[number];
