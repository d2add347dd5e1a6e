import { Histogram } from '../../src/metrics/histogram.ts';
import type { Gauges } from '../../src/metrics/metrics.ts';

/** The gauges of an idle dns4tor. */
export const NO_GAUGES: Gauges = {
  cacheEntries: () => ({ success: 0, denial: 0 }),
  cacheBytes: () => ({ success: 0, denial: 0 }),
  cacheMaxBytes: () => 0,
  localNames: () => ({ own: 0, block: 0, allow: 0 }),
  connections: () => [],
  queueDepth: () => [],
  circuits: () => [],
  alternatives: () => [],
  breakers: () => [],
  routes: () => [],
  tor: () => ({ state: 'unknown', bootstrapPercent: 0 }),
  systemResolver: () => 'not_installed',
  certificateExpiry: () => undefined,
  eventLoopDelay: () => new Histogram([]),
};
