import type { BreakerState, CircuitStatus } from '../model/upstream-status.ts';
import type { ErrorCode } from '../failures/failures.ts';
import type { TorStatus } from '../model/tor-status.ts';
import type { AddressFamily, Transport } from '../model/query.ts';
import type { Histogram } from './histogram.ts';

/** Which step of the pipeline made the answer; the `plugin` label of `coredns_dns_responses_total`. */
export const ANSWER_SOURCES = ['policy', 'cache', 'upstream'] as const;
export type AnswerSource = (typeof ANSWER_SOURCES)[number];

/**
 * What the parts report as it happens. Knows nothing of Prometheus. The first three run for every query and must not allocate.
 * Nothing here takes a name that was asked for, so none can reach a label. An `upstream` is an index in the configured order, a `slot` the
 * place of a circuit among those to it (see CircuitStatus).
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
  /** An answer had to make room for another; `denial` where it was none of data. */
  cacheEvicted(denial: boolean): void;
  /** A query was refused or failed, and its client was told so. */
  failed(code: ErrorCode): void;
  /** A query was not let in to wait for the resolver; its client got an answer that has expired, or a failure. */
  notAdmitted(reason: AdmissionReason): void;
  /** A datagram or message gets no answer, or a connection is not accepted or ended. */
  dropped(reason: DropReason): void;
  /** So many datagrams were taken together. */
  udpBatch(datagrams: number): void;
  /** A client's TCP connection was accepted. */
  tcpOpened(): void;
  tcpClosed(): void;
  /** An answer that has expired was given. */
  servedStale(reason: StaleReason): void;
  /** A query joined an identical one already in flight. */
  coalesced(): void;
  /** An exchange ended, `durationMs` after it was begun. */
  exchanged(upstream: number, slot: number, outcome: 'ok' | ErrorCode, durationMs: number): void;
  /** A second try was made on this circuit because the first took long, or gave the answer. */
  hedged(upstream: number, slot: number, event: HedgeEvent): void;
  /** An answer is refreshed before it expires, while nobody waits for it; how that went, and what it was good for. */
  prefetched(event: PrefetchEvent): void;
  /** A connection to `upstream` was opened, or could not be. */
  connected(upstream: number, outcome: 'ok' | ErrorCode): void;
  /** A connection that was open gives way to a new one. */
  reconnected(upstream: number, slot: number, cause: ReconnectCause): void;
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
  'tcp_gave_way',
  'tcp_message',
  'tcp_unread',
  'send_failed',
  'handler_failed',
] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** Whose bound was reached: that of all clients together, or that of one. */
export const ADMISSION_REASONS = ['all', 'client'] as const;
type AdmissionReason = (typeof ADMISSION_REASONS)[number];

/** Why there was no fresh answer: it took long, or it could not be had. */
export const STALE_REASONS = ['slow', 'failed'] as const;
export type StaleReason = (typeof STALE_REASONS)[number];

export const HEDGE_EVENTS = ['sent', 'won'] as const;
type HedgeEvent = (typeof HEDGE_EVENTS)[number];

/** An answered refresh is useful if a client asked for it before it expired, else wasted. */
export const PREFETCH_EVENTS = ['sent', 'answered', 'failed', 'useful', 'wasted'] as const;
type PrefetchEvent = (typeof PREFETCH_EVENTS)[number];

/**
 * Why a connection gives way: its circuit's time is over, it is slower than the others, the machine has slept or moved, the other end (or
 * Tor) has ended it, or nothing came over it while queries waited.
 */
export const RECONNECT_CAUSES = ['lifetime', 'slow', 'failing', 'network', 'ended', 'stalled'] as const;
export type ReconnectCause = (typeof RECONNECT_CAUSES)[number];

/** A number for each part of the cache, by the `type` label of CoreDNS's cache metrics. */
export interface BySegment {
  readonly success: number;
  readonly denial: number;
}

/** What is read at the moment of a scrape instead of being counted. */
export interface Gauges {
  cacheEntries(): BySegment;
  cacheBytes(): BySegment;
  /** What the cache may take in all. */
  cacheMaxBytes(): number;
  /** Open connections, by index of the upstream. */
  connections(): readonly number[];
  /** Queries that wait for or are on a connection, by index of the upstream. */
  queueDepth(): readonly number[];
  /** Of each set of circuits those in use, by index of the upstream. */
  circuits(): readonly (readonly CircuitStatus[])[];
  /** Alternative services that are known and fresh, by index of the upstream. */
  alternatives(): readonly number[];
  /** Of each set of circuits, whether queries may wait for a connection; by index of the upstream. */
  breakers(): readonly (readonly BreakerState[])[];
  tor(): TorStatus;
  /** In seconds; sampled for a while after each reading. */
  eventLoopDelay(): Histogram;
}
