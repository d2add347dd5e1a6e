import type { Cache } from '../cache/cache.ts';
import type { UpstreamConfig } from '../config/config.ts';
import { formatHostPort } from '../lib/host-port.ts';
import type { TorStatus } from '../model/tor-status.ts';
import type { BySegment } from '../metrics/metrics.ts';
import type { StatusSources } from '../status/status.ts';
import type { Tor } from '../tor/tor.ts';
import type { PooledUpstream } from '../upstream/upstream.ts';
import type { ReadinessMonitor } from './readiness.ts';

export interface StatusParts {
  /** Undefined until one is found or started. */
  readonly tor: () => Tor | undefined;
  readonly torStatus: () => TorStatus;
  readonly cache: Pick<Cache, 'entries'>;
  /** Rounded, as in the metrics. */
  readonly cacheBytes: () => BySegment;
  readonly readiness: ReadinessMonitor;
  readonly upstreams: readonly PooledUpstream[];
}

/** Where the parts are asked how they stand. */
export function statusSources(parts: StatusParts, configs: readonly UpstreamConfig[]): StatusSources {
  const { tor, torStatus, cache, cacheBytes, readiness, upstreams } = parts;
  return {
    torKind: () => tor()?.kind,
    tor: torStatus,
    outlook: () => readiness.outlook,
    upstreams: configs.map(({ host, port }, index) => ({
      label: formatHostPort(host, port),
      status: upstreams[index]!,
    })),
    cache: () => ({ entries: bothOf(cache.entries), bytes: bothOf(cacheBytes()) }),
  };
}

function bothOf({ success, denial }: BySegment): number {
  return success + denial;
}
