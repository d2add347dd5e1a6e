import { networkInterfaces } from 'node:os';
import { Cache } from '../cache/cache.ts';
import type { Config } from '../config/config.ts';
import type { Settings } from '../config/load.ts';
import type { Clock } from '../lib/clock.ts';
import { formatHostPort } from '../lib/host-port.ts';
import type { Random } from '../lib/random.ts';
import type { ListenerInit } from '../listener/listener.ts';
import type { AdjustableLogger } from '../log/logger.ts';
import { type Counters, createCounters } from '../metrics/counters.ts';
import type { Handler } from '../model/query.ts';
import type { Designates } from '../policy/designated-resolvers.ts';
import type { Policy } from '../policy/policy.ts';
import { createPipeline } from '../resolver/pipeline.ts';
import { PauseAdvice } from '../system/pause-advice.ts';
import { SystemResolverWatch } from '../system/system-resolver-watch.ts';
import { createFileSystem, type FileSystem } from '../system/transaction/file-system.ts';
import { SharedIdentities } from '../tor/socks/isolation-credentials.ts';
import { RetryBudget } from '../upstream/pool/retry-budget.ts';
import type { RoutedUpstream } from '../upstream/routes/routed-upstream.ts';
import { FailoverUpstream } from '../upstream/selection/failover.ts';
import type { PooledUpstream } from '../upstream/upstream.ts';
import { answerEpisodes } from './answer-episodes.ts';
import { openClientIdentity } from './client-identity.ts';
import { ConnectivityWatch } from './connectivity-watch.ts';
import { takeCommands } from './control/take-commands.ts';
import {
  alternativeEvents,
  type BootstrapDisplay,
  connectionEvents,
  healthEvents,
  torEvents,
  toSeconds,
} from './events.ts';
import type { HandedOver } from './handed-over.ts';
import { Designation } from './listening/designation.ts';
import { type Listening, openUdpIo } from './listening/listen.ts';
import { takeQueries } from './listening/take-queries.ts';
import { loadPolicy } from './local/local-policy.ts';
import { createRoutedUpstream, refuseLoops } from './local/local-routes.ts';
import { openMonitoring } from './monitoring.ts';
import { notifyManager } from './notify/notify-manager.ts';
import type { NotifyRequest } from './notify/notify-socket.ts';
import { ReadinessMonitor } from './readiness.ts';
import { LiveSettings } from './reload/live-settings.ts';
import { LocalAnswers } from './reload/local-answers.ts';
import { reloadableSettings } from './reload/reloadable-settings.ts';
import { Reloader } from './reload/reloader.ts';
import type { LoadedConfig } from './reload/restart-options.ts';
import { openConfiguredTor, TorSlot } from './tor-slot.ts';
import { capacityOf, createUpstream } from './upstreams.ts';

interface ServiceOptions {
  readonly config: Config;
  /** What `config` was built from. */
  readonly settings: Settings;
  /** Reads the configuration again. @throws ConfigError with all problems */
  readonly load: () => LoadedConfig;
  readonly logger: AdjustableLogger;
  readonly clock: Clock;
  readonly random: Random;
  /** Environment of the process. It names the state directory of a managed tor. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Sockets passed to the process. If there are any, no others are opened. */
  readonly handedOver: HandedOver;
  /** How the service manager wants to be notified. Undefined if it does not. */
  readonly notifyRequest: NotifyRequest | undefined;
  /** Replaces the log lines about a managed tor that is starting. */
  readonly bootstrapDisplay?: BootstrapDisplay;
}

/** What the steps of {@link startService} share. */
interface Parts extends ServiceOptions {
  /** The configured addresses, or those of the sockets passed to the process. Empty until they are open. */
  readonly served: ListenerInit[];
  /** Without listeners until they are open. */
  readonly designation: Designation;
  readonly fs: FileSystem;
  readonly live: LiveSettings;
  readonly counters: Counters;
  readonly budget: RetryBudget;
  readonly tor: TorSlot;
  readonly pauseAdvice: PauseAdvice;
}

/** A running resolver. Disposing it answers the queries in flight, for at most five seconds, then closes everything. */
export interface Service extends AsyncDisposable {
  /** Reloads the configuration and the files that it names. */
  reload(): void;
}

/** The configured resolvers, behind one interface and one by one. */
interface Resolvers {
  readonly upstreams: readonly PooledUpstream[];
  /** All upstreams as one, which also knows whether answers arrive. */
  readonly readiness: ReadinessMonitor;
  /** The servers of the routes, and for all other names {@link readiness}. */
  readonly routed: RoutedUpstream;
  /** Replaces all connections and their identities. */
  renewAll(): void;
}

/**
 * Starts the resolver. This is the only place where its parts are put together. Resolves once it takes queries and Tor
 * is found or started; queries that arrive earlier wait for Tor.
 *
 * @throws Dns4torError ERR_LISTEN_*, ERR_CONTROL_SOCKET, ERR_LIST_FILE, ERR_ROUTE_LOOP, ERR_TOR_BINARY_MISSING,
 * ERR_TOR_IN_USE, ERR_TOR_MANAGED or ERR_UNTRUSTED_PATH; everything opened before is closed again
 */
export async function startService(options: ServiceOptions): Promise<Service> {
  await using stack = new AsyncDisposableStack();
  // The stack closes in reverse order: Tor last, because the answers in flight at a shutdown still need it.
  const fs = createFileSystem();
  const pauseAdvice = new PauseAdvice(fs);
  const tor = stack.use(new TorSlot(pauseAdvice));
  const counters = createServiceCounters(options);
  const parts: Parts = {
    ...options,
    served: [],
    designation: new Designation(options.clock, options.config.encrypted.dohPath),
    fs,
    live: new LiveSettings(options.config),
    counters,
    budget: new RetryBudget(),
    tor,
    pauseAdvice,
  };

  const resolvers = createResolvers(parts, stack);
  const cache = createCache(parts);
  stack.use(watchConnectivity(parts, cache, resolvers));
  const local = await loadLocalAnswers(parts, resolvers);
  const handlers = await createHandlers(parts, cache, local, resolvers);
  const sockets = await openUdpIo(options.config.udpIo, options.logger);
  const { listening, encrypted, server } = await takeQueries(
    { ...parts, sockets, networkInterfaces },
    handlers.serving,
    stack,
  );
  const systemResolver = stack.use(watchSystemResolver(parts, listening));
  const policy = (): Policy => local.policy;
  const status = await openMonitoring(
    { ...parts, ...resolvers, cache, policy, systemResolver, listening, encrypted },
    server,
    stack,
  );
  await takeCommands({ ...parts, cache }, stack);
  // Not when Tor is up: no unit should wait for that at boot.
  const headline = (): string => status.verdict().headline;
  const notice = notifyManager({ ...parts, sockets, headline, createHandler: handlers.uncounted }, stack);
  const reloader = stack.use(
    new Reloader(
      {
        ...parts,
        metrics: counters,
        cache,
        parts: [reloadableSettings({ ...parts, ...resolvers, cache }), local, ...encrypted.reloadable],
        ...(notice === undefined ? {} : { notice }),
      },
      options,
    ),
  );
  await fillTorSlot(parts);
  // Leak mutation: start
  void announceFirstAnswer(parts, resolvers.readiness);

  const owned = stack.move();
  return { reload: () => reloader.request(), [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function createServiceCounters({ config, logger }: ServiceOptions): Counters {
  if (config.bootstrapIgnored) logger.log('info', 'bootstrap_ignored', {});
  return createCounters(
    config.upstreams.map(({ host, port }) => formatHostPort(host, port)),
    config.circuits,
  );
}

/** Creates the upstreams, which connect once Tor is there. The stack owns them from here on. */
function createResolvers(parts: Parts, stack: AsyncDisposableStack): Resolvers {
  const { config, live, logger, clock, random, budget, tor } = parts;
  const closing = new AbortController();
  // An identity is given out for half a lifetime and then used for a whole one: at most 1.5 lifetimes in all.
  const identities =
    config.isolation === 'none' ? new SharedIdentities(clock, random, config.circuitLifetimeMs / 2) : undefined;
  const upstreams = config.upstreams.map((_, index) => createLoggedUpstream(parts, index, identities, closing.signal));
  const failover = new FailoverUpstream(
    { clock, random, budget, createEvents: ({ address }) => healthEvents(logger, address) },
    upstreams,
    {
      get awaitedMs() {
        return live.timeoutMs;
      },
      sharded: config.upstreamStrategy === 'shard',
    },
  );
  const readiness = new ReadinessMonitor(clock, failover, {
    trouble: () => tor.status.trouble,
    isCut: () => upstreams.every(({ openConnections }) => openConnections === 0),
  });
  const routed = stack.use(createRoutedUpstream(parts, readiness));
  stack.defer(() => closing.abort());
  return {
    upstreams,
    readiness,
    routed,
    renewAll() {
      identities?.renew();
      for (const upstream of upstreams) upstream.renewAll();
    },
  };
}

/**
 * Creates the upstream at `index` of the configuration.
 * @param signal abandons connection attempts
 */
function createLoggedUpstream(
  { config, live, logger, clock, random, counters, budget, tor }: Parts,
  index: number,
  identities: SharedIdentities | undefined,
  signal: AbortSignal,
): PooledUpstream {
  const upstream = config.upstreams[index]!;
  logger.log('info', 'upstream_added', { url: upstream.url });
  return createUpstream(
    {
      tor: tor.opened,
      clock,
      random,
      metrics: counters,
      budget,
      currentConfig: () => live.upstream(index),
      events: connectionEvents(logger, counters, () => tor.status, upstream.url, index),
      answerEvents: answerEpisodes(logger, clock, upstream.url),
      ...(identities === undefined ? {} : { nextIdentity: identities.createSource() }),
      ...(config.altSvc ? { alternativeEvents: alternativeEvents(logger, upstream.url) } : {}),
      signal,
    },
    upstream,
    {
      index,
      circuits: config.circuits,
      lifetimeMs: config.circuitLifetimeMs,
      perClient: config.isolation === 'client',
    },
  );
}

function createCache({ config, clock, random, counters }: Parts): Cache {
  const { cacheBytes: maxBytes, maxStaleMs } = config;
  return new Cache({ clock, random, metrics: counters }, { maxBytes, maxStaleMs });
}

/** Replaces connections that are dead after a sleep or on another network, and ages the cache by the sleep. */
function watchConnectivity({ clock, logger, tor }: Parts, cache: Cache, resolvers: Resolvers): ConnectivityWatch {
  return new ConnectivityWatch(
    { clock, networkInterfaces },
    {
      onWakeUp(sleptMs) {
        logger.log('info', 'machine_woke', { seconds: toSeconds(sleptMs) });
        cache.slept(sleptMs);
        tor.current?.networkChanged();
        resolvers.renewAll();
      },
      onNewAddress() {
        logger.log('info', 'machine_moved', {});
        tor.current?.networkChanged();
        resolvers.renewAll();
      },
    },
  );
}

/** @throws Dns4torError ERR_LIST_FILE */
function loadLocalAnswers(parts: Parts, { routed }: Resolvers): Promise<LocalAnswers> {
  const { config, counters: metrics, served, designation } = parts;
  const designates: Designates = (address) => designation.at(address);
  return LocalAnswers.load(
    {
      routed,
      loadPolicy: (next, covers) => loadPolicy(next, { ...parts, metrics, covers, designates }),
      checkRoutes: (routes) => refuseLoops(routes, served),
    },
    config,
  );
}

/** The pipeline for clients, and the same pipeline for a query that must not appear in the metrics. */
interface Handlers {
  readonly serving: Handler;
  readonly uncounted: () => Handler;
}

async function createHandlers(
  parts: Parts,
  cache: Cache,
  local: LocalAnswers,
  { upstreams, routed }: Resolvers,
): Promise<Handlers> {
  const { config, live, logger, clock, counters, budget, handedOver } = parts;
  const { isolation, limits } = config;
  const clientOf = isolation === 'client' ? await openClientIdentity(logger, handedOver.dns[0]) : undefined;
  // Leak mutation: cache
  const create = (metrics: Counters): Handler =>
    createPipeline(
      {
        cache,
        upstream: routed,
        isRouted: (query) => routed.table.routeOf(query) !== undefined,
        clock,
        metrics,
        policy: () => local.policy,
        budget,
        ...(clientOf === undefined ? {} : { clientOf }),
      },
      {
        get timeoutMs() {
          return live.timeoutMs;
        },
        get prefetch() {
          return live.prefetch;
        },
        ...limits,
        ...capacityOf(config, upstreams),
      },
    );
  return { serving: create(counters), uncounted: () => create(createCounters([], 1)) };
}

/** Watches whether the programs of this machine still ask this dns4tor after `dns4tor install`. */
function watchSystemResolver({ logger, clock, fs }: Parts, listening: Listening): SystemResolverWatch {
  return new SystemResolverWatch(
    {
      fs,
      clock,
      isOwn: (target) =>
        listening.addresses.some(({ address, port }) => address === target.address && port === target.port),
    },
    {
      onLost: ({ message, code }) => logger.log('warn', 'system_resolver_lost', { reason: message, code }),
      onBack: () => logger.log('info', 'system_resolver_back', {}),
    },
  );
}

/** Finds or starts Tor. Connections to the resolvers start now. */
async function fillTorSlot(parts: Parts): Promise<void> {
  const { logger, counters, tor, pauseAdvice, bootstrapDisplay } = parts;
  const events = torEvents({
    logger,
    metrics: counters,
    torStatus: () => tor.status,
    async advise(trouble) {
      await pauseAdvice.refresh();
      return pauseAdvice.advise(trouble);
    },
    display: bootstrapDisplay,
  });
  const opened = await openConfiguredTor(parts, events);
  logger.log('info', 'tor_chosen', { tor: opened.describe() });
  tor.fill(opened);
}

/** Probes until the first answer arrives through Tor, and logs how long that took. */
async function announceFirstAnswer({ logger, clock }: Parts, readiness: ReadinessMonitor): Promise<void> {
  const startedAt = clock.now();
  if (!(await readiness.firstAnswer())) return;
  logger.log('info', 'answers_come', { seconds: toSeconds(clock.now() - startedAt) });
}
