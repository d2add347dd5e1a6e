import { cacheFamilies } from './cache-families.ts';
import type { Counters } from './counters.ts';
import { dnsFamilies } from './dns-families.ts';
import type { Family } from './family.ts';
import { listenerFamilies } from './listener-families.ts';
import type { Gauges } from './metrics.ts';
import { torFamilies } from './tor-families.ts';
import { upstreamFamilies } from './upstream-families.ts';

export interface Identity {
  /** The `server` label of CoreDNS's metrics, `dns://host:port` of each listener. */
  readonly server: string;
  /** Of dns4tor. */
  readonly version: string;
  /** Of Node, as in `process.version`. */
  readonly nodeVersion: string;
}

/** All that dns4tor exports, beside what every Node process does. */
export function families(counters: Counters, gauges: Gauges, identity: Identity): Family[] {
  const { totals } = counters;
  const { server, version, nodeVersion } = identity;
  return [
    ...dnsFamilies(totals, server),
    ...cacheFamilies(totals, gauges, server),
    ...listenerFamilies(totals),
    ...upstreamFamilies(counters, gauges),
    ...torFamilies(totals, gauges),
    {
      name: 'dns4tor_build_info',
      type: 'gauge',
      unit: 'always 1',
      labels: { version: 'of dns4tor', node: 'of Node.js' },
      help: 'Always 1; the labels say which dns4tor and which Node run.',
      samples: () => [{ labels: { version, node: nodeVersion }, value: 1 }],
    },
  ];
}
