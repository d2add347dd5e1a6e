import { SYSTEM_RESOLVER_STATES } from '../../model/system-resolver.ts';
import type { Totals } from '../counters.ts';
import { type Gauges, RELOAD_OUTCOMES } from '../metrics.ts';
import { all, distribution, type Family } from './family.ts';

/** The versions that the metrics export. */
export interface Versions {
  /** dns4tor's version. */
  readonly version: string;
  /** Node's version, as in `process.version`. */
  readonly nodeVersion: string;
}

/**
 * Labels of cloudflared's `build_info` (metrics/metrics.go, 2023.7.0) that have no meaning for dns4tor. `goversion` is
 * empty, because there is no Go. `type` is empty in cloudflared's usual builds too. `revision` is cloudflared's build
 * time, or `unknown` if none was recorded.
 */
const CLOUDFLARED_LABELS = { goversion: [''], type: [''], revision: ['unknown'] } as const;

/**
 * Families of the machine's resolver, and of the process: those that prom-client lacks, or cannot measure without
 * waking the process.
 */
export function processFamilies(totals: Totals, gauges: Gauges, { version, nodeVersion }: Versions): Family[] {
  return [
    {
      name: 'dns4tor_system_resolver',
      type: 'gauge',
      unit: '0 or 1',
      labels: { state: SYSTEM_RESOLVER_STATES },
      help: 'Whether programs of this machine ask dns4tor since dns4tor install: 1 for the current state, 0 for the others.',
      samples() {
        const state = gauges.systemResolver();
        return SYSTEM_RESOLVER_STATES.map((name) => ({ labels: { state: name }, value: name === state ? 1 : 0 }));
      },
    },
    {
      name: 'dns4tor_event_loop_delay_seconds',
      type: 'histogram',
      unit: 'seconds',
      labels: {},
      help: 'Delay of the event loop, sampled twice per second for five minutes after each scrape.',
      samples: () => distribution(gauges.eventLoopDelay(), {}),
    },
    {
      name: 'dns4tor_config_reloads_total',
      type: 'counter',
      unit: 'reloads',
      labels: { outcome: RELOAD_OUTCOMES },
      help: 'Reloads of the configuration (SIGHUP) by outcome. One that fails changes nothing.',
      samples: () => all(totals.reloads),
    },
    {
      name: 'dns4tor_build_info',
      type: 'gauge',
      unit: 'always 1',
      labels: { version: 'version of dns4tor', node: 'version of Node.js' },
      help: 'Always 1. The labels have the versions of dns4tor and Node.js.',
      samples: () => [{ labels: { version, node: nodeVersion }, value: 1 }],
    },
    {
      name: 'build_info',
      type: 'gauge',
      unit: 'always 1',
      labels: { ...CLOUDFLARED_LABELS, version: 'version of dns4tor' },
      help: "Always 1, with cloudflared's name and labels. The version is dns4tor's.",
      samples: () => [{ labels: { goversion: '', type: '', revision: 'unknown', version }, value: 1 }],
    },
  ];
}
