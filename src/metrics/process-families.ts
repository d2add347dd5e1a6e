import { distribution, type Family } from './family.ts';
import type { Gauges } from './metrics.ts';

export interface Versions {
  /** Of dns4tor. */
  readonly version: string;
  /** Of Node, as in `process.version`. */
  readonly nodeVersion: string;
}

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
  ];
}
