import { distribution, type Family } from './family.ts';
import type { Gauges } from './metrics.ts';

export interface Versions {
  /** Of dns4tor. */
  readonly version: string;
  /** Of Node, as in `process.version`. */
  readonly nodeVersion: string;
}

/**
 * The labels of cloudflared's `build_info` (metrics/metrics.go, 2023.7.0) that have no value here. No Go is in it; `type` is empty for
 * cloudflared's usual builds, too; and cloudflared, which has the time of the build for a revision, says `unknown` where that was not recorded.
 */
const OF_CLOUDFLARED = { goversion: [''], type: [''], revision: ['unknown'] } as const;

/** What prom-client does not say of the process, or not without waking it. */
export function processFamilies(gauges: Gauges, { version, nodeVersion }: Versions): Family[] {
  return [
    {
      name: 'dns4tor_event_loop_delay_seconds',
      type: 'histogram',
      unit: 'seconds',
      labels: {},
      help: 'How late the process gets to what is due, sampled twice a second for five minutes after each scrape.',
      samples: () => distribution(gauges.eventLoopDelay(), {}),
    },
    {
      name: 'dns4tor_build_info',
      type: 'gauge',
      unit: 'always 1',
      labels: { version: 'of dns4tor', node: 'of Node.js' },
      help: 'Always 1; the labels say which dns4tor and which Node run.',
      samples: () => [{ labels: { version, node: nodeVersion }, value: 1 }],
    },
    {
      name: 'build_info',
      type: 'gauge',
      unit: 'always 1',
      labels: { ...OF_CLOUDFLARED, version: 'of dns4tor' },
      help: 'Always 1, under the name and labels that cloudflared has; version says which dns4tor runs.',
      samples: () => [{ labels: { goversion: '', type: '', revision: 'unknown', version }, value: 1 }],
    },
  ];
}
