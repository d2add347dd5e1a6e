import process from 'node:process';
import type { Cache } from '../cache/cache.ts';
import type { Config } from '../config/config.ts';
import type { MetricsEndpoint } from '../http/http-listener.ts';
import { startMetricsServer } from '../http/metrics-server.ts';
import { createPageFiles } from '../http/page-files.ts';
import type { Clock } from '../lib/clock.ts';
import { formatHostPort } from '../lib/host-port.ts';
import type { Random } from '../lib/random.ts';
import { MS_PER_SECOND } from '../lib/units.ts';
import { readVersion } from '../lib/version.ts';
import type { Logger } from '../log/logger.ts';
import { CoarseBytes } from '../metrics/coarse-bytes.ts';
import type { Counters } from '../metrics/counters.ts';
import { EventLoopDelay } from '../metrics/event-loop-delay.ts';
import { families } from '../metrics/families/families.ts';
import type { BySegment, Gauges } from '../metrics/metrics.ts';
import { createExposition } from '../metrics/prometheus.ts';
import { USUAL_METRICS_PORT } from '../model/usual-ports.ts';
import type { Policy } from '../policy/policy.ts';
import { Status, type StatusSources } from '../status/status.ts';
import { withPortHolders } from '../system/sockets/busy-port.ts';
import type { SystemResolverWatch } from '../system/system-resolver-watch.ts';
import type { FileSystem } from '../system/transaction/file-system.ts';
import type { RoutedUpstream } from '../upstream/routes/routed-upstream.ts';
import type { PooledUpstream } from '../upstream/upstream.ts';
import { expandAddresses } from './expand-addresses.ts';
import type { HandedOver } from './handed-over.ts';
import type { EncryptedListening } from './listening/encrypted.ts';
import { dnsUrl, type Listening } from './listening/listen.ts';
import type { ReadinessMonitor } from './readiness.ts';
import type { TorSlot } from './tor-slot.ts';

interface MonitoringComponents {
  readonly config: Config;
  readonly handedOver: HandedOver;
  readonly fs: FileSystem;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
  readonly tor: TorSlot;
  readonly cache: Cache;
  /** The policy in force. */
  readonly policy: () => Policy;
  readonly readiness: ReadinessMonitor;
  readonly upstreams: readonly PooledUpstream[];
  readonly routed: RoutedUpstream;
  readonly systemResolver: SystemResolverWatch;
  readonly listening: Listening;
  readonly encrypted: EncryptedListening;
}

/**
 * Creates the status, and starts the HTTP server for metrics, health and the status page. Starts no server if systemd
 * passed sockets, but none named `metrics`: the service may then not be allowed to bind one.
 *
 * @param server value of the `server` label: the addresses that answer DNS queries
 * @param stack owns the status and the server from here on
 * @throws Dns4torError ERR_LISTEN_*
 */
export async function openMonitoring(
  components: MonitoringComponents,
  server: string,
  stack: AsyncDisposableStack,
): Promise<Status> {
  const { config, fs, logger, clock, random, counters, cache, readiness, upstreams } = components;
  // Leak mutation: status
  const version = readVersion();
  const cacheBytes = coarseBytes(cache, random);
  const sources = statusSources(components, cacheBytes);
  const status = stack.use(new Status({ clock, counters, sources }, { version, cacheMaxBytes: config.cacheBytes }));
  const endpoint = metricsEndpoint(components);
  if (endpoint === undefined) {
    logger.log('info', 'metrics_absent', {});
    return status;
  }
  const eventLoopDelay = stack.use(new EventLoopDelay(clock));
  const identity = { server, version, nodeVersion: process.version };
  const starting = startMetricsServer({
    endpoint,
    hostNames: config.metricsHosts,
    exposition: createExposition(families(counters, gauges(components, cacheBytes, eventLoopDelay), identity), random),
    async ready() {
      const { ready, ...rest } = await readiness.check();
      return { ready, state: status.verdict().state, ...rest };
    },
    status() {
      const snapshot = status.snapshot();
      // After the snapshot, which therefore does not show the probe that it causes.
      readiness.refresh(upstreams.every(({ openConnections }) => openConnections === 0));
      return snapshot;
    },
    readPageFile: createPageFiles(new URL('../page/', import.meta.url)),
    clock,
    onError: (error) => logger.log('error', 'metrics_failed', { reason: error.message, code: error.code }),
  });
  const metricsServer = stack.use(
    await starting.catch(async (error: unknown) => {
      throw await nameHolders(error, endpoint, fs);
    }),
  );
  logger.log('info', 'metrics_listening', { address: metricsServer.address });
  if (metricsServer.isElsewhere) {
    logger.log('info', 'metrics_elsewhere', { address: metricsServer.address, port: USUAL_METRICS_PORT });
  }
  if (metricsServer.isTcp) logger.log('info', 'status_page', { address: metricsServer.address });
  return status;
}

async function nameHolders(error: unknown, endpoint: MetricsEndpoint, fs: FileSystem): Promise<unknown> {
  if (endpoint.kind !== 'tcp' || endpoint.port === undefined) return error;
  return withPortHolders(error, fs, expandAddresses([endpoint.host]), endpoint.port);
}

/** Where to serve metrics; undefined if sockets were passed to the process, but none for metrics. */
function metricsEndpoint({ config, handedOver: { dns, metrics } }: MonitoringComponents): MetricsEndpoint | undefined {
  if (metrics !== undefined) return { kind: 'handed-over', fd: metrics };
  return dns.length > 0 ? undefined : config.metrics;
}

/**
 * Returns the cache's memory use, rounded for display. Metrics and status share these figures: two independent
 * roundings could be compared to narrow down the exact size.
 */
function coarseBytes(cache: Cache, random: Random): () => BySegment {
  const { success, denial } = cache.maxBytesBySegment;
  const shown = { success: new CoarseBytes(random, success), denial: new CoarseBytes(random, denial) };
  return () => {
    const exact = cache.bytesBySegment;
    return { success: shown.success.show(exact.success), denial: shown.denial.show(exact.denial) };
  };
}

function statusSources(components: MonitoringComponents, cacheBytes: () => BySegment): StatusSources {
  const { config, tor, cache, readiness, upstreams, routed, systemResolver, listening, encrypted } = components;
  return {
    torKind: () => tor.current?.kind,
    tor: () => tor.status,
    connectivity: () => readiness.connectivity,
    systemResolver: () => systemResolver.current,
    listening: () => [...listening.addresses.map(({ address, port }) => dnsUrl(address, port)), ...encrypted.urls()],
    certificate: () => encrypted.validity(),
    upstreams: config.upstreams.map(({ host, port }, index) => ({
      label: formatHostPort(host, port),
      status: upstreams[index]!,
    })),
    routes: () => routed.routes,
    cache: () => ({ entries: sum(cache.entries), bytes: sum(cacheBytes()) }),
  };
}

function sum({ success, denial }: BySegment): number {
  return success + denial;
}

function gauges(
  { config, tor, cache, policy, upstreams, routed, systemResolver, encrypted }: MonitoringComponents,
  cacheBytes: () => BySegment,
  eventLoopDelay: EventLoopDelay,
): Gauges {
  return {
    cacheEntries: () => cache.entries,
    cacheBytes,
    cacheMaxBytes: () => config.cacheBytes,
    localNames: () => policy().sizes,
    connections: () => upstreams.map(({ openConnections }) => openConnections),
    queueDepth: () => upstreams.map(({ queueDepth }) => queueDepth),
    circuits: () => upstreams.map(({ connections }) => connections),
    alternatives: () => upstreams.map(({ alternatives = 0 }) => alternatives),
    breakers: () => upstreams.map(({ breakerStates }) => breakerStates),
    routes: () => routed.routes,
    tor: () => tor.status,
    systemResolver: () => systemResolver.current.state,
    certificateExpiry() {
      const validity = encrypted.validity();
      return validity && validity.untilEpochMs / MS_PER_SECOND;
    },
    eventLoopDelay: () => eventLoopDelay.look(),
  };
}
