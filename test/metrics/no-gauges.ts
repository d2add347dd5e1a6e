import { Histogram } from '../../src/metrics/histogram.ts';
import type { Gauges } from '../../src/metrics/metrics.ts';

/** Readings of a dns4tor that does nothing and knows nothing. */
export const NO_GAUGES: Gauges = {
  cacheEntries: () => ({ success: 0, denial: 0 }),
  cacheBytes: () => ({ success: 0, denial: 0 }),
  cacheMaxBytes: () => 0,
  connections: () => [],
  queueDepth: () => [],
  circuits: () => [],
  alternatives: () => [],
  breakers: () => [],
  tor: () => ({ state: 'unknown', bootstrapPercent: 0 }),
  eventLoopDelay: () => new Histogram([]),
};
