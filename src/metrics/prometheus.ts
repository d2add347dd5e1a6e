import type { Metric, Registry } from 'prom-client';
import type { Random } from '../lib/random.ts';
import { MS_PER_HOUR } from '../lib/units.ts';
import { CoarseBytes } from './coarse-bytes.ts';
import type { Family } from './families/family.ts';

/** The response to a scrape. */
export interface Exposition {
  readonly contentType: string;
  /** Reads all metrics and renders them as text. */
  render(): Promise<string>;
}

/** Default metrics of prom-client that are left out. */
const OMITTED_DEFAULTS = [
  // promtool rejects gauges whose names end like a counter's. The same numbers by type are in nodejs_active_*.
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
  // Sampled, see SAMPLING_INTERVAL_MS. nodejs_eventloop_lag_seconds remains: it is measured at each scrape.
  'nodejs_eventloop_lag_min_seconds',
  'nodejs_eventloop_lag_max_seconds',
  'nodejs_eventloop_lag_mean_seconds',
  'nodejs_eventloop_lag_stddev_seconds',
  'nodejs_eventloop_lag_p50_seconds',
  'nodejs_eventloop_lag_p90_seconds',
  'nodejs_eventloop_lag_p99_seconds',
] as const;

/**
 * Default metrics that report memory to the byte, and are made coarse. Responses from upstream are external memory, so
 * the exact figure grows with each query by the length of its name (measured). Resident memory stays exact, because
 * every user can read it in /proc.
 */
const EXACT_SIZES = [
  'nodejs_heap_size_total_bytes',
  'nodejs_heap_size_used_bytes',
  'nodejs_external_memory_bytes',
  'nodejs_heap_space_size_total_bytes',
  'nodejs_heap_space_size_used_bytes',
  'nodejs_heap_space_size_available_bytes',
] as const;

/**
 * prom-client samples the event loop's lag every 10 ms by default and has no switch for it. In an otherwise idle
 * process that costs 98 wake-ups per second and 0.9 % of a core (measured). Once an hour is as good as never.
 */
const SAMPLING_INTERVAL_MS: number = MS_PER_HOUR;

/** Prometheus's text format, equal to prom-client's `Registry.contentType`. */
const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * Exports the metric families and prom-client's default metrics. Create one per process: prom-client's samplers never
 * stop. prom-client is loaded with the first scrape, because it takes more memory than all of dns4tor's own code and
 * many installations are never scraped.
 */
export function createExposition(families: readonly Family[], random: Random): Exposition {
  let registry: Promise<Registry> | undefined;
  return {
    contentType: CONTENT_TYPE,
    async render() {
      registry ??= createRegistry(families, random);
      return (await registry).metrics();
    },
  };
}

async function createRegistry(families: readonly Family[], random: Random): Promise<Registry> {
  const { collectDefaultMetrics, Registry } = await import('prom-client');
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: SAMPLING_INTERVAL_MS });
  for (const name of OMITTED_DEFAULTS) registry.removeSingleMetric(name);
  for (const name of EXACT_SIZES) makeCoarse(registry.getSingleMetric(name), random);
  for (const family of families) registry.registerMetric(asMetric(family));
  return registry;
}

/** Makes all values of a metric coarse. */
function makeCoarse(metric: Metric | undefined, random: Random): void {
  if (metric === undefined) return;
  const read = metric.get.bind(metric);
  const shown = new Map<string, CoarseBytes>();
  metric.get = async () => {
    const exact = await read();
    const values = exact.values.map((sample) => {
      const series = JSON.stringify(sample.labels);
      const coarse = shown.get(series) ?? new CoarseBytes(random, Infinity);
      shown.set(series, coarse);
      return { ...sample, value: coarse.show(sample.value) };
    });
    return { ...exact, values };
  };
}

/**
 * Presents a family to prom-client's registry. prom-client's own Counter and Histogram count in hash maps, and a
 * histogram cannot be filled from outside. A registry uses only the name and `get()` of a metric: prom-client registers
 * such plain objects itself, in AggregatorRegistry.aggregate. The declared type wants the whole class.
 */
function asMetric(family: Family): Metric {
  const { name, type, help } = family;
  const get = (): object => ({
    name,
    type,
    help,
    values: family.samples().map(({ labels, value, suffix = '' }) => ({ metricName: name + suffix, labels, value })),
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above; the tests check the registry's output
  return { name, type, help, get } as unknown as Metric;
}
