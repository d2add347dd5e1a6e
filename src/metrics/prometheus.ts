import type { Metric, Registry } from 'prom-client';
import { MS_PER_HOUR } from '../lib/units.ts';
import type { Random } from '../lib/random.ts';
import { CoarseBytes } from './coarse-bytes.ts';
import type { Family } from './families/family.ts';

/** What a scrape is answered with. */
export interface Exposition {
  readonly contentType: string;
  /** The text of all metrics, read at this moment. */
  render(): Promise<string>;
}

/** Those of prom-client's process metrics that are left out. */
const UNFIT_DEFAULTS = [
  // Gauges whose names end like a counter's, which promtool refuses; the same numbers by type are in nodejs_active_*.
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
  // Sampled, see SAMPLING_INTERVAL_MS. What remains is nodejs_eventloop_lag_seconds, taken at each scrape.
  'nodejs_eventloop_lag_min_seconds',
  'nodejs_eventloop_lag_max_seconds',
  'nodejs_eventloop_lag_mean_seconds',
  'nodejs_eventloop_lag_stddev_seconds',
  'nodejs_eventloop_lag_p50_seconds',
  'nodejs_eventloop_lag_p90_seconds',
  'nodejs_eventloop_lag_p99_seconds',
] as const;

/**
 * Metrics of prom-client that report memory to the byte. Responses from upstream are external memory, so the exact
 * figure grows with each query by the length of its name (measured). Resident memory stays exact: every user can read
 * it in /proc.
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
 * prom-client samples the event loop's lag every 10 ms and cannot be told not to: 98 wake-ups a second and 0.9 % of a core
 * (measured) in a process that otherwise sleeps, on laptops too. Once an hour is as good as never.
 */
const SAMPLING_INTERVAL_MS: number = MS_PER_HOUR;

/** The text format of Prometheus, as `Registry.contentType` has it. */
const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * Exports the families and the metrics that every Node process has. One per process: prom-client's samplers never stop. It is loaded with the
 * first scrape, since it takes more memory than all of dns4tor's own code, and many are never scraped.
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
  for (const name of UNFIT_DEFAULTS) registry.removeSingleMetric(name);
  for (const name of EXACT_SIZES) makeCoarse(registry.getSingleMetric(name), random);
  for (const family of families) registry.registerMetric(asMetric(family));
  return registry;
}

/** Makes a metric show each of its series only coarsely. */
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
 * prom-client's own Counter and Histogram count in hash maps, and a histogram cannot be filled from outside. Of a metric,
 * a registry uses the name and `get()`; prom-client registers such plain objects itself, in AggregatorRegistry.aggregate.
 * The declared type asks for the whole classes.
 */
function asMetric(family: Family): Metric {
  const { name, type, help } = family;
  const get = (): object => ({
    name,
    type,
    help,
    values: family.samples().map(({ labels, value, suffix = '' }) => ({ metricName: name + suffix, labels, value })),
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above; the tests read what the registry prints
  return { name, type, help, get } as unknown as Metric;
}
