import type { Dns4torError } from '../failures/errors.ts';
import { type ErrorCode, failureKind, failureText } from '../failures/failures.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import { MS_PER_MINUTE, MS_PER_SECOND } from '../lib/units.ts';
import type { Counters } from '../metrics/counters.ts';
import type { RouteStatus } from '../model/route-status.ts';
import type { SystemResolver } from '../model/system-resolver.ts';
import { type CertificateValidity, type ValidityState, validityAt } from '../model/tls/certificate-validity.ts';
import type { TorKind, TorStatus } from '../model/tor-status.ts';
import type { BreakerState, ConnectionStatus } from '../model/upstream-status.ts';
import { type Counts, queriesByTransport, readCounts, subtract } from './counts.ts';
import { History, sumOf } from './history.ts';
import { latencyOf, roundMs } from './latency.ts';
import { errorsOf } from './reasons.ts';
import type {
  RouteSnapshot,
  StatusSnapshot,
  SystemResolverSnapshot,
  TorSnapshot,
  TroubleSnapshot,
  UpstreamSnapshot,
} from './snapshot.ts';
import { type Connectivity, judge, type ServiceVerdict } from './verdict.ts';

/** The state of an upstream, as a `PooledUpstream` reports it. */
export interface UpstreamStatus {
  readonly breakerStates: readonly BreakerState[];
  readonly failure?: ErrorCode | undefined;
  readonly queueDepth: number;
  readonly connections: readonly ConnectionStatus[];
}

/** Values that are read for each snapshot. */
export interface StatusSources {
  /** Undefined until a Tor is found or started. */
  torKind(): TorKind | undefined;
  tor(): TorStatus;
  connectivity(): Connectivity;
  systemResolver(): SystemResolver;
  /** The URLs at which queries are answered now. */
  listening(): readonly string[];
  /** The validity of the certificate for DoT and DoH. Undefined without one. */
  certificate(): CertificateValidity | undefined;
  /** The upstreams in the configured order; `label` is host:port. */
  readonly upstreams: readonly { readonly label: string; readonly status: UpstreamStatus }[];
  /** The routes in use. */
  routes(): readonly RouteStatus[];
  cache(): { readonly entries: number; readonly bytes: number };
}

interface StatusComponents {
  readonly clock: Clock;
  readonly counters: Pick<Counters, 'totals'>;
  readonly sources: StatusSources;
}

interface StatusInit {
  readonly version: string;
  /** Maximum memory of the cache. */
  readonly cacheMaxBytes: number;
}

const ROUTE_REASONS: readonly string[] = (
  ['ERR_ROUTE_TIMEOUT', 'ERR_ROUTE_UNREACHABLE', 'ERR_ROUTE_DENIED'] as const
).map((code) => failureKind(code).label);

/**
 * Builds the status snapshots and keeps the history of the last hour. Reads the metrics' counters once a minute, so
 * answering a query costs no more for it.
 */
export class Status implements Disposable {
  readonly #components: StatusComponents;
  readonly #init: StatusInit;
  readonly #startedAt: number;
  readonly #history: History;
  #timer: Timer;
  /**
   * Counts at the start of the previous minute, or since the service last recovered. Failures during an outage say
   * nothing about the time after it.
   */
  #recentSince: Counts;
  /** Counts at the start of the current minute, or since the service last recovered. */
  #minuteStart: Counts;
  #wasUp = false;

  constructor(components: StatusComponents, init: StatusInit) {
    const { clock, counters } = components;
    this.#components = components;
    this.#init = init;
    this.#startedAt = clock.now();
    const counts = readCounts(counters.totals);
    this.#history = new History(counts, clock.epochMs());
    this.#recentSince = counts;
    this.#minuteStart = counts;
    this.#timer = this.#scheduleNextMinute();
  }

  /** Reads the current state. */
  snapshot(): StatusSnapshot {
    const { clock, counters, sources } = this.#components;
    const { version, cacheMaxBytes } = this.#init;
    const atEpochMs = clock.epochMs();
    const counts = readCounts(counters.totals);
    const upstreams = sources.upstreams.map(({ label, status }) => upstreamSnapshot(label, status));
    const minutes = this.#history.minutes(counts, atEpochMs);
    const hour = sumOf(minutes);
    return {
      format: 1,
      version,
      atEpochMs,
      uptimeSeconds: Math.floor((clock.now() - this.#startedAt) / MS_PER_SECOND),
      ...this.#judge(counts, upstreams),
      lastAnswerSecondsAgo: sources.connectivity().lastAnswerSecondsAgo ?? null,
      tor: torSnapshot(sources),
      systemResolver: systemResolverSnapshot(sources.systemResolver()),
      listening: {
        urls: sources.listening(),
        queries: queriesByTransport(counters.totals),
        certificateExpiresAtEpochMs: sources.certificate()?.untilEpochMs ?? null,
      },
      upstreams,
      routes: sources.routes().map(routeSnapshot),
      totals: counts.answers,
      lastHour: {
        answers: hour.answers,
        latency: latencyOf(hour.latency),
        minutes: minutes.map(({ startedAtEpochMs, counts: { answers, latency } }) => ({
          startedAtEpochMs,
          answers,
          latency: latencyOf(latency),
        })),
      },
      cache: { ...sources.cache(), maxBytes: cacheMaxBytes },
      errors: errorsOf(hour),
    };
  }

  /** The current state alone, without the figures of a snapshot. */
  verdict(): ServiceVerdict {
    const { counters, sources } = this.#components;
    const upstreams = sources.upstreams.map(({ label, status }) => upstreamSnapshot(label, status));
    return this.#judge(readCounts(counters.totals), upstreams);
  }

  #judge(counts: Counts, upstreams: readonly UpstreamSnapshot[]): ServiceVerdict {
    const { sources } = this.#components;
    const judgeNow = (): ServiceVerdict => {
      const { answers, errors } = subtract(counts, this.#recentSince);
      // A dead server on the local network says nothing about the way through Tor.
      const ofRoutes = ROUTE_REASONS.reduce((total, reason) => total + (errors.get(reason)?.answers ?? 0), 0);
      const recent = { ...answers, failed: Math.max(0, answers.failed - ofRoutes) };
      return judge({
        connectivity: sources.connectivity(),
        tor: sources.tor(),
        systemResolver: sources.systemResolver(),
        certificate: this.#certificateState(),
        upstreams,
        recent,
      });
    };
    const verdict = judgeNow();
    const isUp = verdict.state === 'working' || verdict.state === 'degraded';
    const hasRecovered = isUp && !this.#wasUp;
    this.#wasUp = isUp;
    if (!hasRecovered) return verdict;
    this.#recentSince = counts;
    this.#minuteStart = counts;
    return judgeNow();
  }

  #certificateState(): ValidityState | undefined {
    const { clock, sources } = this.#components;
    const validity = sources.certificate();
    return validity && validityAt(validity, clock.epochMs());
  }

  #scheduleNextMinute(): Timer {
    return this.#components.clock.schedule(MS_PER_MINUTE, () => {
      this.#timer = this.#scheduleNextMinute();
      const { clock, counters } = this.#components;
      const counts = readCounts(counters.totals);
      this.#history.nextMinute(counts, clock.epochMs());
      this.#recentSince = this.#minuteStart;
      this.#minuteStart = counts;
    });
  }

  [Symbol.dispose](): void {
    this.#timer.cancel();
  }
}

function torSnapshot(sources: StatusSources): TorSnapshot {
  const { state, bootstrapPercent, bootstrapSummary, trouble, circuits } = sources.tor();
  return {
    kind: sources.torKind() ?? null,
    state,
    bootstrapPercent,
    bootstrapSummary: bootstrapSummary ?? null,
    trouble: trouble === undefined ? null : troubleOf(trouble),
    circuits: circuits ?? null,
  };
}

function systemResolverSnapshot({ state, trouble }: SystemResolver): SystemResolverSnapshot {
  return { state, trouble: trouble === undefined ? null : troubleOf(trouble) };
}

function troubleOf({ code, problem, remedy = '' }: Dns4torError): TroubleSnapshot {
  return { reason: failureKind(code).label, problem, remedy };
}

function routeSnapshot({ suffix, servers }: RouteStatus): RouteSnapshot {
  return {
    route: suffix,
    servers: servers.map(({ address, failure }) => ({
      server: address,
      reason: failure === undefined ? null : failureKind(failure).label,
      sentence: failure === undefined ? null : failureText(failure),
    })),
  };
}

function upstreamSnapshot(upstream: string, status: UpstreamStatus): UpstreamSnapshot {
  const { breakerStates, failure, queueDepth, connections } = status;
  return {
    upstream,
    breaker: breakerOf(breakerStates),
    reason: failure === undefined ? null : failureKind(failure).label,
    sentence: failure === undefined ? null : failureText(failure),
    inFlight: queueDepth,
    circuits: connections.map(({ slot, state, typicalMs, inFlight }) => ({
      slot,
      state,
      // The estimate of a connection that has ended says nothing about the next one in its slot.
      responseTimeMs: state !== 'open' || typicalMs === undefined ? null : roundMs(typicalMs),
      inFlight,
    })),
  };
}

/**
 * The state of an upstream. With circuits per client it is in an outage only if the breakers of all clients are open.
 */
function breakerOf(states: readonly BreakerState[]): BreakerState {
  if (states.length === 0 || states.includes('closed')) return 'closed';
  return states.includes('half_open') ? 'half_open' : 'open';
}
