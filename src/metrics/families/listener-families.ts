import type { Totals } from '../counters.ts';
import { active, all, distribution, type Family, single } from './family.ts';
import { ADMISSION_REASONS, DROP_REASONS } from '../metrics.ts';

/** How queries come in, and what becomes of those that are not answered as they should be. */
export function listenerFamilies(totals: Totals): Family[] {
  const tcp = (event: string): number =>
    totals.tcpConnections.entries().find(({ labels }) => labels['event'] === event)?.count ?? 0;
  return [
    {
      name: 'dns4tor_failures_total',
      type: 'counter',
      unit: 'queries',
      labels: { reason: 'see the table of reasons' },
      help: 'Queries that were refused or failed, by reason.',
      samples: () => active(totals.failures),
    },
    {
      name: 'dns4tor_dropped_total',
      type: 'counter',
      unit: 'messages and connections',
      labels: { reason: DROP_REASONS },
      help: 'Datagrams and messages that got no answer and connections that were refused or ended, by reason.',
      samples: () => all(totals.drops),
    },
    {
      name: 'dns4tor_not_admitted_total',
      type: 'counter',
      unit: 'queries',
      labels: { reason: ADMISSION_REASONS },
      help: 'Queries that could not wait for the resolver, by the bound that was reached: of all clients (--max-in-flight) or of one client (--max-in-flight-per-client, or less when places are scarce). Each got an expired answer or is among the failures.',
      samples: () => all(totals.notAdmitted),
    },
    {
      name: 'dns4tor_coalesced_total',
      type: 'counter',
      unit: 'queries',
      labels: {},
      help: 'Queries that joined an identical one already in flight.',
      samples: () => all(totals.coalesced),
    },
    {
      name: 'dns4tor_udp_batch_datagrams',
      type: 'histogram',
      unit: 'datagrams',
      labels: {},
      help: 'Datagrams that were taken together; none where each is taken by itself (--udp-io dgram).',
      samples: () => distribution(totals.udpBatches, {}),
    },
    {
      name: 'dns4tor_tcp_connections_total',
      type: 'counter',
      unit: 'connections',
      labels: {},
      help: "Clients' TCP connections that were accepted.",
      samples: () => single(tcp('opened')),
    },
    {
      name: 'dns4tor_tcp_connections',
      type: 'gauge',
      unit: 'connections',
      labels: {},
      help: "Clients' TCP connections that are open.",
      samples: () => single(tcp('opened') - tcp('closed')),
    },
  ];
}
