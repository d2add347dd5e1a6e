import { systemRandom } from '../../src/lib/random.ts';
import { DELAY_SECONDS } from '../../src/metrics/buckets.ts';
import { type Counters, createCounters } from '../../src/metrics/counters.ts';
import { families } from '../../src/metrics/families/families.ts';
import { Histogram } from '../../src/metrics/histogram.ts';
import type { Gauges } from '../../src/metrics/metrics.ts';
import { createExposition, type Exposition } from '../../src/metrics/prometheus.ts';
import type { RouteStatus } from '../../src/model/route-status.ts';
import type { SystemResolverState } from '../../src/model/system-resolver.ts';
import type { TorStatus } from '../../src/model/tor-status.ts';
import type { ConnectionStatus } from '../../src/model/upstream-status.ts';

export const ONION = 'dns4torpnlfs2ifuz2s2yf3fc7rdmsbhm6rw75euj35pac6ap25zgqad.onion:443';
export const OTHER = 'resolver.test:8443';
export const IDENTITY = { server: 'dns://localhost:53', version: '1.2.3', nodeVersion: 'v24.0.0' } as const;

/** Circuits per upstream. */
export const CIRCUITS = 3;

/** Gauges that a test may change between two scrapes. */
export interface Readings {
  entries: { success: number; denial: number };
  bytes: { success: number; denial: number };
  connections: number[];
  queueDepth: number[];
  circuits: ConnectionStatus[][];
  alternatives: number[];
  routes: RouteStatus[];
  tor: TorStatus;
  systemResolver: SystemResolverState;
  certificateExpiry: number | undefined;
}

export interface Fixture {
  readonly counters: Counters;
  readonly readings: Readings;
  readonly exposition: Exposition;
  /** Scrapes and returns the values by series, `name{label="value",…}` with the labels in alphabetical order. */
  readonly scrape: () => Promise<Map<string, number>>;
}

export function createFixture(upstreams: readonly string[] = [ONION, OTHER]): Fixture {
  const counters = createCounters(upstreams, CIRCUITS);
  const readings: Readings = {
    entries: { success: 0, denial: 0 },
    bytes: { success: 0, denial: 0 },
    connections: [],
    queueDepth: [],
    circuits: [],
    alternatives: [],
    routes: [],
    tor: { state: 'unknown', bootstrapPercent: 0 },
    systemResolver: 'not_installed',
    certificateExpiry: undefined,
  };
  const eventLoopDelay = new Histogram(DELAY_SECONDS);
  const gauges: Gauges = {
    cacheEntries: () => readings.entries,
    cacheBytes: () => readings.bytes,
    cacheMaxBytes: () => 65_536,
    localNames: () => ({ own: 2, block: 100, allow: 1 }),
    connections: () => readings.connections,
    queueDepth: () => readings.queueDepth,
    circuits: () => readings.circuits,
    alternatives: () => readings.alternatives,
    routes: () => readings.routes,
    breakers: () => [['closed'], ['open', 'closed']],
    tor: () => readings.tor,
    systemResolver: () => readings.systemResolver,
    certificateExpiry: () => readings.certificateExpiry,
    eventLoopDelay: () => eventLoopDelay,
  };
  const exposition = createExposition(families(counters, gauges, IDENTITY), systemRandom);
  return { counters, readings, exposition, scrape: async () => parse(await exposition.render()) };
}

function parse(text: string): Map<string, number> {
  const series = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined) throw new Error(`not a sample: ${line}`);
    const key = labels === '' ? name : `${name}{${labelsOf(labels).toSorted().join(',')}}`;
    if (series.has(key)) throw new Error(`twice in one scrape: ${key}`);
    series.set(key, Number(value));
  }
  return series;
}

/** The label pairs of one sample, as `name="value"`. */
export function labelsOf(labels: string): string[] {
  return labels.match(/\w+="[^"]*"/g) ?? [];
}
