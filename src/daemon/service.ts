import { networkInterfaces } from 'node:os';
import { Cache } from '../cache/cache.ts';
import type { Config } from '../config/config.ts';
import { type Clock, delay } from '../lib/clock.ts';
import { formatHostPort } from '../lib/host-port.ts';
import type { Logger } from '../log/logger.ts';
import type { Random } from '../lib/random.ts';
import type { TorStatus } from '../model/tor-status.ts';
import { readVersion } from '../lib/version.ts';
import { createAccessList } from '../listener/access-list.ts';
import type { Listener, ListenerComponents } from '../listener/listener.ts';
import { CoarseBytes } from '../metrics/coarse-bytes.ts';
import { createCounters } from '../metrics/counters.ts';
import { EventLoopDelay } from '../metrics/event-loop-delay.ts';
import { families } from '../metrics/families/families.ts';
import { startMetricsServer } from '../http/metrics-server.ts';
import type { MetricsEndpoint } from '../http/http-listener.ts';
import type { BySegment, Gauges } from '../metrics/metrics.ts';
import { createPageFiles } from '../http/page-files.ts';
import { createExposition } from '../metrics/prometheus.ts';
import { Status } from '../status/status.ts';
import { createPipeline, type PipelineInit } from '../resolver/pipeline.ts';
import { SharedIdentities } from '../tor/socks/isolation-credentials.ts';
import { createSocksPeerJudge } from '../system/sockets/socks-owner.ts';
import { openTor, type Tor } from '../tor/tor.ts';
import { stateDirectory } from '../tor/process/state-directory.ts';
import { RetryBudget } from '../upstream/pool/retry-budget.ts';
import { FailoverUpstream } from '../upstream/selection/failover.ts';
import { MAX_IN_FLIGHT } from '../upstream/transport/session.ts';
import type { PooledUpstream } from '../upstream/upstream.ts';
import { type Listening, adoptEverywhere } from './adopt.ts';
import { answerEpisodes } from './answer-episodes.ts';
import { openClientIdentity } from './client-identity.ts';
import { ConnectivityWatch } from './connectivity-watch.ts';
import {
  alternativeEvents,
  type BootstrapDisplay,
  healthEvents,
  connectionEvents,
  torEvents,
  toSeconds,
} from './events.ts';
import type { HandedOver } from './handed-over.ts';
import { expandAddresses, listenEverywhere } from './listen.ts';
import { ReadinessMonitor } from './readiness.ts';
import { statusSources } from './status-sources.ts';
import { openUdpIo } from './udp-sockets.ts';
import { createUpstream } from './upstreams.ts';

/** How long a shutdown waits for the answers to what is in flight. */
const DRAIN_MS = 5000;

export interface ServiceOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  /** The process's environment, which says where a tor of ours may keep its data. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Sockets that are open already, in place of those that would be opened. */
  readonly handedOver: HandedOver;
  /** Takes the place of log lines about a tor of ours that is starting. */
  readonly bootstrapDisplay?: BootstrapDisplay;
}

/**
 * The only place where the parts are put together. Resolves when queries are taken and Tor is found or started, which is before
 * the first answer: what comes until then waits for Tor.
 * @returns the running resolver; disposing it answers what is in flight, for at most five seconds, then closes everything
 * @throws Dns4torError ERR_LISTEN_*, ERR_TOR_BINARY_MISSING, ERR_TOR_MANAGED; whatever was opened is closed again
 */
export async function startService(options: ServiceOptions): Promise<AsyncDisposable> {
  const { config, logger, clock, random, handedOver } = options;
  await using stack = new AsyncDisposableStack();
  // Tor is opened last and closed last: the answers in flight at a shutdown still need it.
  const torOwner = stack.use(new AsyncDisposableStack());
  const closing = new AbortController();
  const tor = Promise.withResolvers<Tor>();
  tor.promise.catch(() => {});
  const currentTor = onceResolved(tor.promise);
  const torStatus = (): TorStatus => currentTor()?.state() ?? { state: 'unknown', bootstrapPercent: 0 };

  if (config.bootstrapIgnored) {
    logger.log('info', 'bootstrap_ignored', {});
  }
  const counters = createCounters(
    config.upstreams.map(({ host, port }) => formatHostPort(host, port)),
    config.circuits,
  );
  const budget = new RetryBudget();
  // Half a lifetime: an identity that is taken up at the end of that is in use for one and a half in all.
  const shared =
    config.isolation === 'none' ? new SharedIdentities(clock, random, config.circuitLifetimeMs / 2) : undefined;
  const upstreams = config.upstreams.map((upstream, index) => {
    logger.log('info', 'upstream_added', { url: upstream.url });
    const events = connectionEvents(logger, counters, torStatus, upstream.url, index);
    const altSvc = config.altSvc ? { alternativeEvents: alternativeEvents(logger, upstream.url) } : {};
    const identities = shared === undefined ? {} : { nextIdentity: shared.createSource() };
    return createUpstream(
      {
        tor: tor.promise,
        clock,
        random,
        metrics: counters,
        budget,
        ...identities,
        ...altSvc,
        events,
        answerEvents: answerEpisodes(logger, clock, upstream.url),
        signal: closing.signal,
      },
      upstream,
      {
        index,
        circuits: config.circuits,
        lifetimeMs: config.circuitLifetimeMs,
        perClient: config.isolation === 'client',
      },
    );
  });
  const failover = new FailoverUpstream(
    { clock, random, budget, createEvents: ({ address }) => healthEvents(logger, address) },
    upstreams,
    { awaitedMs: config.timeoutMs, sharded: config.upstreamStrategy === 'shard' },
  );
  const readiness = stack.use(new ReadinessMonitor(clock, failover));
  stack.defer(() => closing.abort());

  const renewAll = (): void => {
    shared?.renew();
    for (const upstream of upstreams) upstream.renewAll();
  };
  const cache = new Cache(
    { clock, random, metrics: counters },
    { maxBytes: config.cacheBytes, maxStaleMs: config.maxStaleMs },
  );

  stack.use(
    new ConnectivityWatch(
      { clock, networkInterfaces },
      {
        onWakeUp(sleptMs) {
          logger.log('info', 'machine_woke', { seconds: toSeconds(sleptMs) });
          cache.slept(sleptMs);
          renewAll();
        },
        onNewAddress() {
          logger.log('info', 'machine_moved', {});
          renewAll();
        },
      },
    ),
  );

  const cacheBytes = coarseBytes(cache, random);
  const keptApart =
    config.isolation === 'client' ? { clientOf: await openClientIdentity(logger, handedOver.dns[0]) } : {};
  const handler = createPipeline(
    { cache, upstream: readiness, clock, metrics: counters, budget, ...keptApart },
    { timeoutMs: config.timeoutMs, prefetch: config.prefetch, ...config.limits, ...capacityOf(config, upstreams) },
  );
  // Leak mutation: cache
  const isAllowed = createAccessList(config.allow);
  const sockets = await openUdpIo(config.udpIo, logger);
  const batches = sockets === undefined ? {} : { sockets };
  const { listeners, addresses } = await openListeners(
    { handler, clock, metrics: counters, isAllowed, limits: config.limits, ...batches },
    options,
    stack,
  );
  stack.defer(() => drain(listeners, clock));
  const serverAddresses = addresses.map(({ address, port }) => `dns://${formatHostPort(address, port)}`);
  for (const address of serverAddresses) logger.log('info', 'listening', { address });

  const identity = { server: serverAddresses.join(','), version: readVersion(), nodeVersion: process.version };
  const endpoint = metricsEndpoint(config, handedOver);
  if (endpoint === undefined) {
    logger.log('info', 'metrics_absent', {});
  } else {
    const sources = statusSources(
      { tor: currentTor, torStatus, cache, cacheBytes, readiness, upstreams },
      config.upstreams,
    );
    const status = stack.use(
      new Status({ clock, counters, sources }, { version: identity.version, cacheMaxBytes: config.cacheBytes }),
    );
    const eventLoopDelay = stack.use(new EventLoopDelay(clock));
    const metricsServer = stack.use(
      await startMetricsServer({
        endpoint,
        exposition: createExposition(
          families(counters, gauges(config, { cache, cacheBytes, upstreams, torStatus, eventLoopDelay }), identity),
          random,
        ),
        ready: () => readiness.check(),
        status() {
          const snapshot = status.snapshot();
          // Afterwards, so that nobody is shown the query that only looking causes.
          readiness.refresh(upstreams.every(({ openConnections }) => openConnections === 0));
          return snapshot;
        },
        readPageFile: createPageFiles(new URL('../page/', import.meta.url)),
        clock,
        onError: (error) => logger.log('error', 'metrics_failed', { reason: error.message, code: error.code }),
      }),
    );
    logger.log('info', 'metrics_listening', { address: metricsServer.address });
    if (metricsServer.isTcp) logger.log('info', 'status_page', { address: metricsServer.address });
  }

  const opened = torOwner.use(
    await openTor(config.tor.socks, {
      binary: config.tor.binary,
      stateDirectory: () => stateDirectory(options.env),
      torOptions: config.tor.options,
      control: config.tor.control,
      judgePeer: createSocksPeerJudge(clock),
      onionAuths: config.tor.onionAuths,
      clock,
      random,
      events: torEvents(logger, counters, options.bootstrapDisplay),
    }),
  );
  logger.log('info', 'tor_chosen', { tor: opened.describe() });
  // Leak mutation: start
  tor.resolve(opened);
  void announceFirstAnswer(readiness, logger, clock);

  return stack.move();
}

/** On the sockets that were handed over, and then on no others: where there are such, others may not even be opened. */
async function openListeners(
  components: ListenerComponents,
  { config, handedOver, logger }: ServiceOptions,
  stack: AsyncDisposableStack,
): Promise<Listening> {
  if (handedOver.dns.length > 0) {
    logger.log('info', 'sockets_handed_over', {});
    return adoptEverywhere(components, handedOver.dns, stack);
  }
  const listeners = await listenEverywhere(components, expandAddresses(config.addresses), config.port, stack);
  const port = listeners[0]?.port ?? config.port;
  return { listeners, addresses: config.addresses.map((address) => ({ address, port })) };
}

/** Undefined where all sockets were handed over, and none for metrics. */
function metricsEndpoint({ metrics }: Config, { dns, metrics: fd }: HandedOver): MetricsEndpoint | undefined {
  if (fd !== undefined) return { kind: 'handed-over', fd };
  return dns.length > 0 ? undefined : metrics;
}

/** Share of the upstream's capacity for first attempts; the rest is kept free for second attempts. */
const FIRST_TRIES_SHARE = 0.9;

/**
 * Queries that may be in flight to the upstreams at a time, from the open circuits of the upstream with most of them.
 * Circuits that were replaced and only finish what is in flight do not count: they take no new query. Unlimited with isolation per client: each client then has its own circuits and cannot take another's capacity.
 */
function capacityOf({ isolation }: Config, upstreams: readonly PooledUpstream[]): Pick<PipelineInit, 'capacity'> {
  if (isolation === 'client') return {};
  return {
    capacity: () => {
      const open = upstreams.map(({ connections }) => connections.filter(({ state }) => state === 'open').length);
      return Math.floor(FIRST_TRIES_SHARE * MAX_IN_FLIGHT * Math.max(1, ...open));
    },
  };
}

/** Undefined until the promise is fulfilled. */
function onceResolved<T>(promise: Promise<T>): () => T | undefined {
  let value: T | undefined;
  promise.then(
    (resolved) => (value = resolved),
    () => {},
  );
  return () => value;
}

/**
 * The cache's memory use, rounded for display. Metrics and status share these figures: two independent roundings could
 * be compared to narrow down the exact size.
 */
function coarseBytes(cache: Cache, random: Random): () => BySegment {
  const { success, denial } = cache.maxBytesBySegment;
  const shown = { success: new CoarseBytes(random, success), denial: new CoarseBytes(random, denial) };
  return () => {
    const exact = cache.bytesBySegment;
    return { success: shown.success.show(exact.success), denial: shown.denial.show(exact.denial) };
  };
}

interface GaugeSources {
  readonly cache: Cache;
  readonly cacheBytes: () => BySegment;
  readonly upstreams: readonly PooledUpstream[];
  readonly torStatus: () => TorStatus;
  readonly eventLoopDelay: EventLoopDelay;
}

function gauges(config: Config, sources: GaugeSources): Gauges {
  const { cache, cacheBytes, upstreams, torStatus, eventLoopDelay } = sources;
  return {
    cacheEntries: () => cache.entries,
    cacheBytes,
    cacheMaxBytes: () => config.cacheBytes,
    connections: () => upstreams.map(({ openConnections }) => openConnections),
    queueDepth: () => upstreams.map(({ queueDepth }) => queueDepth),
    circuits: () => upstreams.map(({ connections }) => connections),
    alternatives: () => upstreams.map(({ alternatives = 0 }) => alternatives),
    breakers: () => upstreams.map(({ breakerStates }) => breakerStates),
    tor: torStatus,
    eventLoopDelay: () => eventLoopDelay.look(),
  };
}

/** Probes until an answer has come through Tor, and says how long that took. */
async function announceFirstAnswer(readiness: ReadinessMonitor, logger: Logger, clock: Clock): Promise<void> {
  const startedAt = clock.now();
  if (!(await readiness.firstAnswer())) return;
  logger.log('info', 'answers_come', { seconds: toSeconds(clock.now() - startedAt) });
}

async function drain(listeners: readonly Listener[], clock: Clock): Promise<void> {
  const answered = new AbortController();
  const allAnswered = Promise.all(listeners.map((listener) => listener.drain())).then(() => answered.abort());
  await Promise.race([allAnswered, delay(clock, DRAIN_MS, answered.signal)]);
}
