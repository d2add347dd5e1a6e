import type { ErrorCode } from '../failures/failures.ts';
import type { AddressFamily, Transport } from '../model/query.ts';
import type { RouteStatus } from '../model/route-status.ts';
import type { SystemResolverState } from '../model/system-resolver.ts';
import type { TorSeverity, TorStatus } from '../model/tor-status.ts';
import type { BreakerState, ConnectionStatus } from '../model/upstream-status.ts';
import type { Histogram } from './histogram.ts';

/** The step of the pipeline that produced an answer; the `plugin` label of `coredns_dns_responses_total`. */
export const ANSWER_SOURCES = ['policy', 'cache', 'upstream'] as const;
export type AnswerSource = (typeof ANSWER_SOURCES)[number];

/**
 * The events that the other modules report, independent of Prometheus. The first three methods run for every query and
 * must not allocate. No method takes a queried name, so none can reach a label.
 *
 * An `upstream` is an index in the configured order. A `slot` is the position of a circuit among those to its upstream
 * (see ConnectionStatus). Durations are in milliseconds.
 */
export interface Metrics {
  /** A query was answered. If the question was unreadable, `qtype` is -1 and counts as "other". */
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
  /** A lookup found an answer; `denial` for NXDOMAIN and NODATA. */
  cacheHit(denial: boolean): void;
  /** A lookup found no answer, or an expired one. */
  cacheMiss(): void;
  /** An answer was evicted to make room; `denial` for NXDOMAIN and NODATA. */
  cacheEvicted(denial: boolean): void;
  /** A query failed or was refused, and the client was told. */
  failed(code: ErrorCode): void;
  /** A query exceeded a limit on queries in flight; the client got an expired answer or a failure. */
  notAdmitted(reason: AdmissionReason): void;
  /** A name was blocked, or records were removed from an answer. */
  blocked(reason: BlockReason): void;
  /** A datagram or message got no answer, or a connection was refused or closed. */
  dropped(reason: DropReason): void;
  /** Datagrams were received in one batch. */
  udpBatch(datagrams: number): void;
  /** A client's TCP connection was admitted. */
  tcpOpened(): void;
  /** An admitted TCP connection was closed. */
  tcpClosed(): void;
  /** An expired answer was served (RFC 8767). */
  servedStale(reason: StaleReason): void;
  /** A query joined an identical one in flight. */
  coalesced(): void;
  /** An exchange with an upstream ended after `durationMs`. */
  exchanged(upstream: number, slot: number, outcome: 'ok' | ErrorCode, durationMs: number): void;
  /** A hedged request was sent on this circuit, or its answer came first. */
  hedged(upstream: number, slot: number, event: HedgeEvent): void;
  /** An event in the life of a refresh, which is sent before an answer expires and while no client waits for it. */
  prefetched(event: PrefetchEvent): void;
  /** An attempt to connect to `upstream` ended. */
  connected(upstream: number, outcome: 'ok' | ErrorCode): void;
  /** An open connection is being replaced by a new one. */
  reconnected(upstream: number, slot: number, cause: ReconnectCause): void;
  /** Tor was sent NEWNYM, which makes it forget its failures to reach onion services. */
  newnym(): void;
  /** A reload of the configuration ended. */
  reloaded(outcome: ReloadOutcome): void;
  /** The managed Tor logged a line. */
  torLogged(severity: TorSeverity): void;
}

/** Why a datagram, message or connection was dropped. */
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
  'tls_handshake',
  'send_failed',
  'handler_failed',
] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/**
 * What was blocked: a name that a list has, a name that is an alias of such a name, or private addresses of a public
 * name.
 */
export const BLOCK_REASONS = ['list', 'alias', 'private'] as const;
export type BlockReason = (typeof BLOCK_REASONS)[number];

/** Where the names come from that are answered or exempted locally: own names, block lists and allow lists. */
export const NAME_SOURCES = ['own', 'block', 'allow'] as const;
export type NameSource = (typeof NAME_SOURCES)[number];

/** The limit that was reached: that of all clients together, or that of one client. */
export const ADMISSION_REASONS = ['all', 'client'] as const;
type AdmissionReason = (typeof ADMISSION_REASONS)[number];

/** Why there was no fresh answer: the exchange was slow, or it failed. */
export const STALE_REASONS = ['slow', 'failed'] as const;
export type StaleReason = (typeof STALE_REASONS)[number];

/** A hedged request was sent because another took long, or its answer came first. */
export const HEDGE_EVENTS = ['sent', 'won'] as const;
type HedgeEvent = (typeof HEDGE_EVENTS)[number];

/** The outcomes of a refresh. An answered one is useful if a client asks for it before it expires, else wasted. */
export const PREFETCH_EVENTS = ['sent', 'answered', 'failed', 'useful', 'wasted'] as const;
type PrefetchEvent = (typeof PREFETCH_EVENTS)[number];

/**
 * Why a connection is replaced: its circuit reached the end of its lifetime, it is slower than the others, it fails
 * queries, the machine slept or changed networks, the other end or Tor closed it, or it went silent while queries
 * waited.
 */
export const RECONNECT_CAUSES = ['lifetime', 'slow', 'failing', 'network', 'ended', 'stalled'] as const;
export type ReconnectCause = (typeof RECONNECT_CAUSES)[number];

/** A reload succeeds, or changes nothing because of a problem. */
export const RELOAD_OUTCOMES = ['success', 'failure'] as const;
type ReloadOutcome = (typeof RELOAD_OUTCOMES)[number];

/** A number for each segment of the cache, named after the `type` label of CoreDNS's cache metrics. */
export interface BySegment {
  readonly success: number;
  readonly denial: number;
}

/** Values that are read at the time of a scrape. */
export interface Gauges {
  cacheEntries(): BySegment;
  cacheBytes(): BySegment;
  /** Maximum memory of the cache. */
  cacheMaxBytes(): number;
  /** Open connections, by index of the upstream. */
  connections(): readonly number[];
  /** Queries on a connection or waiting for one, by index of the upstream. */
  queueDepth(): readonly number[];
  /** Circuits in use, by index of the upstream. */
  circuits(): readonly (readonly ConnectionStatus[])[];
  /** Number of fresh alternative services, by index of the upstream. */
  alternatives(): readonly number[];
  /** Circuit breakers, one for each set of circuits, by index of the upstream. */
  breakers(): readonly (readonly BreakerState[])[];
  /** The routes in use. */
  routes(): readonly RouteStatus[];
  /** Numbers of own names and of names in lists. */
  localNames(): Readonly<Record<NameSource, number>>;
  tor(): TorStatus;
  /** Where the programs of this machine look names up. */
  systemResolver(): SystemResolverState;
  /** When the certificate of DoT and DoH expires: seconds since 1970, UTC. Undefined without one. */
  certificateExpiry(): number | undefined;
  /** Delays in seconds. Each reading starts or extends a period of sampling. */
  eventLoopDelay(): Histogram;
}
