import type { BreakerState } from '../lib/breaker-state.ts';
import type { ErrorCode } from '../lib/failures.ts';
import type { TorStatus } from '../lib/tor-state.ts';

export type Transport = 'udp' | 'tcp';
export type AddressFamily = 4 | 6;

/** Which step of the pipeline made the answer; the `plugin` label of `coredns_dns_responses_total`. */
export const ANSWER_SOURCES = ['policy', 'cache', 'upstream'] as const;
export type AnswerSource = (typeof ANSWER_SOURCES)[number];

/**
 * What the parts report as it happens. Knows nothing of Prometheus. The first three run for every query and must not allocate.
 * Nothing here takes a name that was asked for, so none can reach a label.
 */
export interface Metrics {
  /** A query was answered. `qtype` is -1 and the type counted as "other" where the question could not be read. */
  answered(
    transport: Transport,
    family: AddressFamily,
    qtype: number,
    rcode: number,
    source: AnswerSource,
    queryBytes: number,
    responseBytes: number,
    durationMs: number,
  ): void;
  /** A look-up found an answer; `denial` for NXDOMAIN and NODATA. */
  cacheHit(denial: boolean): void;
  cacheMiss(): void;
  /** A query was refused or failed, and its client was told so. */
  failed(code: ErrorCode): void;
  /** A datagram or message gets no answer, or a connection is not accepted or ended. */
  dropped(reason: DropReason): void;
  /** An answer that has expired was given. */
  servedStale(reason: StaleReason): void;
  /** A query joined an identical one already in flight. */
  coalesced(): void;
  /** An exchange with `upstream` (its index in the configured order) ended, `durationMs` after it was begun. */
  exchanged(upstream: number, outcome: 'ok' | ErrorCode, durationMs: number): void;
  /** A second try was made because the first took long, or gave the answer. */
  hedged(upstream: number, event: HedgeEvent): void;
  /** An answer is refreshed before it expires, while nobody waits for it; how that went. */
  prefetched(event: PrefetchEvent): void;
  /** A connection to `upstream` was opened, or could not be. */
  connected(upstream: number, outcome: 'ok' | ErrorCode): void;
  /** Tor was told to forget which onion services it could not reach. */
  newnym(): void;
}

export const DROP_REASONS = [
  'response',
  'short',
  'port_zero',
  'not_allowed',
  'tcp_connections',
  'tcp_connections_client',
  'tcp_message',
  'tcp_unread',
  'send_failed',
  'handler_failed',
] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** Why there was no fresh answer: it took long, or it could not be had. */
export const STALE_REASONS = ['slow', 'failed'] as const;
export type StaleReason = (typeof STALE_REASONS)[number];

export const HEDGE_EVENTS = ['sent', 'answered'] as const;
export type HedgeEvent = (typeof HEDGE_EVENTS)[number];

export const PREFETCH_EVENTS = ['sent', 'answered', 'failed'] as const;
export type PrefetchEvent = (typeof PREFETCH_EVENTS)[number];

/** What is read at the moment of a scrape instead of being counted. */
export interface Gauges {
  cacheEntries(): { readonly success: number; readonly denial: number };
  cacheBytes(): number;
  /** Open connections, by index of the upstream. */
  connections(): readonly number[];
  /** Queries that wait for or are on a connection, by index of the upstream. */
  queueDepth(): readonly number[];
  /** Alternative services that are known and fresh, by index of the upstream. */
  alternatives(): readonly number[];
  /** Of each set of circuits, whether queries may wait for a connection; by index of the upstream. */
  breakers(): readonly (readonly BreakerState[])[];
  tor(): TorStatus;
}
