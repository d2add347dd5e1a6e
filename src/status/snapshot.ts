import type { BreakerState, ConnectionState } from '../model/upstream-status.ts';
import type { CircuitState, TorKind, TorState } from '../model/tor-status.ts';

/**
 * - `starting`: no answer has come through Tor yet, and nothing says that none will.
 * - `working`: names are resolved.
 * - `degraded`: names are resolved, but not as they should be: by a later resolver than the first, or many answers failed or were stale, or none
 *   has come through Tor for some seconds.
 * - `failing`: what the cache does not have fails.
 */
const SERVICE_STATES = ['starting', 'working', 'degraded', 'failing'] as const;
export type ServiceState = (typeof SERVICE_STATES)[number];

/**
 * What dns4tor tells of itself at one moment: `GET /api/status`, and each event of `GET /api/events`. Holds no name that was asked for, no
 * client's address and nothing that tells one circuit of Tor from another.
 *
 * An interface for programs: within one {@link format} fields may be added, while those that are there stay and keep their meaning. Every field is always
 * there; what is not known is null. Times are milliseconds or seconds, as their names say; `…EpochMs` are milliseconds since 1970, UTC. Response
 * times and latencies have three significant digits.
 */
export interface StatusSnapshot {
  readonly format: 1;
  /** Of dns4tor, as `dns4tor --version` prints it. */
  readonly version: string;
  /** When this was true. */
  readonly atEpochMs: number;
  /** Since the process started to serve; whole seconds, in which the machine was awake. */
  readonly uptimeSeconds: number;
  readonly state: ServiceState;
  /** The state in one sentence for a person, with the reason and what to do. */
  readonly sentence: string;
  /** Why it is degraded or failing: a value of the `reason` label of the metrics. Null where there is no one reason. */
  readonly reason: string | null;
  /** Since the last answer that came through Tor; null before the first. */
  readonly lastAnswerSecondsAgo: number | null;
  readonly tor: TorSnapshot;
  /** In the order in which they are asked. */
  readonly upstreams: readonly UpstreamSnapshot[];
  /** All answers since the start. */
  readonly totals: AnswerCounts;
  readonly lastHour: HourSnapshot;
  readonly cache: CacheSnapshot;
  /** What failed in the last hour, the most answers first. */
  readonly errors: readonly ErrorSnapshot[];
}

export interface TorSnapshot {
  /** Whether dns4tor started it; null until one is found or started. */
  readonly kind: TorKind | null;
  readonly state: TorState;
  /** 0 to 100. */
  readonly bootstrapPercent: number;
  /** What Tor is doing to get further, in its words; null where its control port is not read. */
  readonly bootstrapSummary: string | null;
  /** All its circuits by state, those of other programs included; null where its control port is not read. */
  readonly circuits: Readonly<Record<CircuitState, number>> | null;
}

export interface UpstreamSnapshot {
  /** host:port, the `upstream` label of the metrics. */
  readonly upstream: string;
  /** `closed` where queries may wait for a connection, `open` where they are refused at once in an outage, `half_open` while that is probed. */
  readonly breaker: BreakerState;
  /** How the latest connection failed, where there was no answer since: a value of the `reason` label; null where all is well. */
  readonly reason: string | null;
  /** The same for a person; null with it. */
  readonly sentence: string | null;
  /** Queries that wait for a connection or are on one. */
  readonly inFlight: number;
  /** By slot. With `--isolate client` each client that has circuits has them all, and none says whose it is. */
  readonly circuits: readonly CircuitSnapshot[];
}

export interface CircuitSnapshot {
  /** From 0 to one below `--circuits`. A circuit is replaced by another from time to time, and its slot stays. */
  readonly slot: number;
  readonly state: ConnectionState;
  /** The estimate by which queries choose a circuit; null before its first answer. */
  readonly responseTimeMs: number | null;
  /** Queries that wait for their answer on it. */
  readonly inFlight: number;
}

/** Answers by where they came from. Their sum is that of all answers. */
export interface AnswerCounts {
  readonly cache: number;
  readonly upstream: number;
  /** From the cache though they had expired, because no fresh one came in time or could be had (RFC 8767). */
  readonly stale: number;
  /** SERVFAIL, wherever it came from. */
  readonly failed: number;
  /** Made here: special-use names, and queries that are refused. */
  readonly local: number;
}

export interface HourSnapshot {
  /** Of the hour as a whole. */
  readonly answers: AnswerCounts;
  readonly latency: LatencySnapshot;
  /** Up to 60, the oldest first. The last is not over; the first begins with the process, or an hour ago. */
  readonly minutes: readonly MinuteSnapshot[];
}

export interface MinuteSnapshot {
  /** Ascending. A minute in which the machine slept is as much longer. */
  readonly startedAtEpochMs: number;
  readonly answers: AnswerCounts;
  readonly latency: LatencySnapshot;
}

/** From a query's arrival to its answer, estimated within the buckets of the metrics' histogram. Null where there was no answer. */
export interface LatencySnapshot {
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
}

interface CacheSnapshot {
  readonly entries: number;
  /** Memory that they take; only roughly, in multiples of 64 KiB, so that no single answer is visible. */
  readonly bytes: number;
  /** `--cache-size`; 0 where the cache is off. */
  readonly maxBytes: number;
}

export interface ErrorSnapshot {
  /** A value of the `reason` label of the metrics, stable. */
  readonly reason: string;
  /** What happened and what to do about it, for a person. */
  readonly sentence: string;
  /** Answers that told a client of it. */
  readonly answers: number;
  /** Exchanges with an upstream that ended so; many are tried again, and no client learns of them. */
  readonly exchanges: number;
  /** Attempts to connect to an upstream that ended so. */
  readonly connections: number;
}
