import type { Transport } from '../model/query.ts';
import type { SystemResolverState } from '../model/system-resolver.ts';
import type { CircuitState, TorKind, TorState } from '../model/tor-status.ts';
import type { BreakerState, ConnectionState } from '../model/upstream-status.ts';

/**
 * - `starting`: no answer has come through Tor yet, but nothing indicates an outage.
 * - `stuck`: Tor is bootstrapping and makes no progress. Only cached names are resolved.
 * - `working`: names are resolved.
 * - `degraded`: names are resolved, but programs of this machine no longer ask dns4tor, clients refuse its certificate,
 *   a resolver cannot be reached, many answers fail or are stale, or no answer has come through Tor for some seconds.
 * - `failing`: only cached names are resolved.
 */
export type ServiceState = 'starting' | 'stuck' | 'working' | 'degraded' | 'failing';

/**
 * The state of dns4tor at one moment: the body of `GET /api/status` and of each event of `GET /api/events`. Contains no
 * queried name, no client address and nothing that identifies a circuit of Tor.
 *
 * A stable interface for programs: within one {@link format}, fields may be added, and existing fields keep their
 * meaning. Every field is always present; unknown values are null. Names end in their unit: `…Ms` are milliseconds,
 * `…EpochMs` milliseconds since 1970, UTC. Response times and latencies have three significant digits.
 */
export interface StatusSnapshot {
  readonly format: 1;
  /** dns4tor's version, as `dns4tor --version` prints it. */
  readonly version: string;
  /** When the snapshot was taken. */
  readonly atEpochMs: number;
  /** Whole seconds since the process started to serve, without time in which the machine slept. */
  readonly uptimeSeconds: number;
  readonly state: ServiceState;
  /** {@link headline} and {@link remedy} in one line. */
  readonly sentence: string;
  /** The state in one sentence for people, with the problem. */
  readonly headline: string;
  /** What to do about it, as a sentence for people. Null if nothing needs doing or nothing is known to help. */
  readonly remedy: string | null;
  /**
   * Why it is stuck, degraded or failing: a value of the metrics' `reason` label. Null if there is no single reason.
   */
  readonly reason: string | null;
  /** Seconds since the last answer through Tor; null before the first. */
  readonly lastAnswerSecondsAgo: number | null;
  readonly tor: TorSnapshot;
  readonly systemResolver: SystemResolverSnapshot;
  readonly listening: ListeningSnapshot;
  /** In order of preference. */
  readonly upstreams: readonly UpstreamSnapshot[];
  /** In the configured order. */
  readonly routes: readonly RouteSnapshot[];
  /** All answers since the start. */
  readonly totals: AnswerCounts;
  readonly lastHour: HourSnapshot;
  readonly cache: CacheSnapshot;
  /** Failures of the last hour, those with most affected answers first. */
  readonly errors: readonly ErrorSnapshot[];
}

/** Where the programs of this machine look names up. */
export interface SystemResolverSnapshot {
  readonly state: SystemResolverState;
  /** Where names go instead. Null unless the state is `elsewhere`. */
  readonly trouble: TroubleSnapshot | null;
}

/** Where clients are answered. */
export interface ListeningSnapshot {
  /**
   * Where queries are answered now: `dns://host:port`, `tls://host:port`, `https://host:port/path`, and for a reverse
   * proxy `unix:/path`, or `unix:fd=N` if it was passed in.
   */
  readonly urls: readonly string[];
  /** Answered queries since the start, by transport. */
  readonly queries: Readonly<Record<Transport, number>>;
  /** When clients begin to refuse the certificate for DNS over TLS and HTTPS. Null without one. */
  readonly certificateExpiresAtEpochMs: number | null;
}

/** The state of Tor. */
export interface TorSnapshot {
  /** Whether dns4tor started this Tor. Null until one is found or started. */
  readonly kind: TorKind | null;
  readonly state: TorState;
  /** Bootstrap progress, 0 to 100. */
  readonly bootstrapPercent: number;
  /** Tor's description of its current bootstrap phase. Null without a control port. */
  readonly bootstrapSummary: string | null;
  /** Why Tor is stuck. Null if it is not. */
  readonly trouble: TroubleSnapshot | null;
  /** Tor's circuits by state, including those of other programs. Null without a control port. */
  readonly circuits: Readonly<Record<CircuitState, number>> | null;
}

/** Why Tor is stuck, or where names of this machine go. */
export interface TroubleSnapshot {
  /** A value of the metrics' `reason` label; stable. */
  readonly reason: string;
  /** What is wrong, as a clause for people: for Tor, with its bootstrap phase and its own warning. */
  readonly problem: string;
  /** What to do about it, as a clause for people. */
  readonly remedy: string;
}

/** The state of an upstream. */
export interface UpstreamSnapshot {
  /** host:port, the `upstream` label of the metrics. */
  readonly upstream: string;
  /**
   * `closed`: queries may wait for a connection. `open`: they fail at once in an outage. `half_open`: a probe is
   * running.
   */
  readonly breaker: BreakerState;
  /** Why the latest connection failed: a value of the metrics' `reason` label. Null once there is an answer again. */
  readonly reason: string | null;
  /** The reason as a sentence for people. Null if and only if `reason` is. */
  readonly sentence: string | null;
  /** Queries on a connection or waiting for one. */
  readonly inFlight: number;
  /**
   * By slot. With `--isolate client`, each active client has a circuit in every slot, and nothing identifies the
   * client.
   */
  readonly circuits: readonly CircuitSnapshot[];
}

/** The state of the circuit in a slot. */
export interface CircuitSnapshot {
  /** From 0 to one less than `--circuits`. Circuits are replaced from time to time, slots stay. */
  readonly slot: number;
  readonly state: ConnectionState;
  /** Estimated response time, by which circuits are chosen. Null before the first answer, and unless it is open. */
  readonly responseTimeMs: number | null;
  /** Queries in flight on it. */
  readonly inFlight: number;
}

/** A route to servers on the local network, whose queries do not go through Tor. */
export interface RouteSnapshot {
  /** The suffix or network as it was configured, the `route` label of the metrics. */
  readonly route: string;
  /** In the order in which they are tried. */
  readonly servers: readonly RouteServerSnapshot[];
}

/** The state of a server of a route. */
export interface RouteServerSnapshot {
  /** host:port. */
  readonly server: string;
  /** Why the latest query failed: a value of the metrics' `reason` label. Null if it was answered or never sent. */
  readonly reason: string | null;
  /** The reason as a sentence for people. Null if and only if `reason` is. */
  readonly sentence: string | null;
}

/** Answers by source. The sum of the fields is the number of all answers. */
export interface AnswerCounts {
  readonly cache: number;
  readonly upstream: number;
  /** Expired answers from the cache, because a fresh one was late or could not be obtained (RFC 8767). */
  readonly stale: number;
  /** SERVFAIL from any source. */
  readonly failed: number;
  /** Answered locally: special-use names and refused queries. */
  readonly local: number;
}

/** The last hour. */
export interface HourSnapshot {
  /** Totals of the hour. */
  readonly answers: AnswerCounts;
  readonly latency: LatencySnapshot;
  /** Up to 60, oldest first. The last one is incomplete. The first starts with the process or an hour ago. */
  readonly minutes: readonly MinuteSnapshot[];
}

/** One minute of the last hour. */
export interface MinuteSnapshot {
  /** Ascending. A minute during which the machine slept is longer. */
  readonly startedAtEpochMs: number;
  readonly answers: AnswerCounts;
  readonly latency: LatencySnapshot;
}

/** Time from a query's arrival to its answer, estimated from the metrics' histogram. Null if there was no answer. */
export interface LatencySnapshot {
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
}

/** The size of the cache. */
interface CacheSnapshot {
  readonly entries: number;
  /** Memory in use, rounded to multiples of 64 KiB so that no single answer is visible. */
  readonly bytes: number;
  /** `--cache-size`; 0 if the cache is off. */
  readonly maxBytes: number;
}

/** How often a reason of failure occurred in the last hour. */
export interface ErrorSnapshot {
  /** A value of the metrics' `reason` label; stable. */
  readonly reason: string;
  /** Problem and remedy as a sentence for people. */
  readonly sentence: string;
  /** Queries that were answered with this failure. */
  readonly answers: number;
  /** Exchanges with an upstream that failed so. Many are retried and affect no client. */
  readonly exchanges: number;
  /** Attempts to connect to an upstream that failed so. */
  readonly connections: number;
}
