import { distribution, type Family } from './family.ts';
import type { Gauges } from '../metrics.ts';

export interface Versions {
  /** Of dns4tor. */
  readonly version: string;
  /** Of Node, as in `process.version`. */
  readonly nodeVersion: string;
}

/**
 * The labels of cloudflared's `build_info` (metrics/metrics.go, 2023.7.0) for which dns4tor has no value. `goversion`
 * is empty, because there is no Go. `type` is empty in cloudflared's usual builds too. `revision` is the build time in
 * cloudflared, which uses `unknown` where none was recorded.
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
      help: "Always 1, under cloudflared's name and labels; version is that of dns4tor.",
      samples: () => [{ labels: { goversion: '', type: '', revision: 'unknown', version }, value: 1 }],
    },
  ];
}
