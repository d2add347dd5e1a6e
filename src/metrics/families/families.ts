import type { Counters } from '../counters.ts';
import type { Gauges } from '../metrics.ts';
import { cacheFamilies } from './cache-families.ts';
import { dnsFamilies } from './dns-families.ts';
import type { Family } from './family.ts';
import { listenerFamilies } from './listener-families.ts';
import { policyFamilies } from './policy-families.ts';
import { processFamilies, type Versions } from './process-families.ts';
import { routeFamilies } from './route-families.ts';
import { torFamilies } from './tor-families.ts';
import { upstreamFamilies } from './upstream-families.ts';

interface Identity extends Versions {
  /** The `server` label of CoreDNS's metrics, `dns://host:port` of each listener. */
  readonly server: string;
}

/** All metric families of dns4tor. The default metrics of a Node process come on top. */
export function families(counters: Counters, gauges: Gauges, identity: Identity): Family[] {
  const { totals } = counters;
  const { server } = identity;
  return [
    ...dnsFamilies(totals, server),
    ...cacheFamilies(totals, gauges, server),
    ...policyFamilies(totals, gauges),
    ...listenerFamilies(totals, gauges),
    ...upstreamFamilies(counters, gauges),
    ...routeFamilies(gauges),
    ...torFamilies(totals, gauges),
    ...processFamilies(totals, gauges, identity),
  ];
}
