import type { Totals } from '../counters.ts';
import { ADMISSION_REASONS, DROP_REASONS, type Gauges } from '../metrics.ts';
import { active, all, distribution, type Family, single } from './family.ts';

/** Families of the listeners: connections, batches, drops, limits, failures and the certificate. */
export function listenerFamilies(totals: Totals, gauges: Gauges): Family[] {
  const tcp = (event: string): number =>
    totals.tcpConnections.entries().find(({ labels }) => labels['event'] === event)?.count ?? 0;
  return [
    {
      name: 'dns4tor_failures_total',
      type: 'counter',
      unit: 'queries',
      labels: { reason: 'see the table of reasons' },
      help: 'Queries that failed or were refused, by reason.',
      samples: () => active(totals.failures),
    },
    {
      name: 'dns4tor_dropped_total',
      type: 'counter',
      unit: 'messages and connections',
      labels: { reason: DROP_REASONS },
      help: 'Datagrams and messages without an answer, and connections refused or closed by dns4tor, by reason.',
      samples: () => all(totals.drops),
    },
    {
      name: 'dns4tor_not_admitted_total',
      type: 'counter',
      unit: 'queries',
      labels: { reason: ADMISSION_REASONS },
      help: 'Queries beyond the limit on queries in flight, by limit: that of all clients (--max-in-flight) or that of one client (--max-in-flight-per-client, or less when slots are scarce). Each got an expired answer or is among the failures.',
      samples: () => all(totals.notAdmitted),
    },
    {
      name: 'dns4tor_coalesced_total',
      type: 'counter',
      unit: 'queries',
      labels: {},
      help: 'Queries that joined an identical one in flight.',
      samples: () => all(totals.coalesced),
    },
    {
      name: 'dns4tor_udp_batch_datagrams',
      type: 'histogram',
      unit: 'datagrams',
      labels: {},
      help: 'Datagrams received in one batch. Empty with --udp-io dgram, which receives each one separately.',
      samples: () => distribution(totals.udpBatches, {}),
    },
    {
      name: 'dns4tor_tcp_connections_total',
      type: 'counter',
      unit: 'connections',
      labels: {},
      help: "Clients' TCP connections that were admitted, including those over TLS and HTTPS.",
      samples: () => single(tcp('opened')),
    },
    {
      name: 'dns4tor_tcp_connections',
      type: 'gauge',
      unit: 'connections',
      labels: {},
      help: "Clients' open TCP connections, including those over TLS and HTTPS.",
      samples: () => single(tcp('opened') - tcp('closed')),
    },
    {
      name: 'dns4tor_certificate_expiry_timestamp_seconds',
      type: 'gauge',
      unit: 'seconds since 1970, UTC',
      labels: {},
      help: 'When the certificate chain of DNS over TLS and HTTPS expires. Absent without --tls-cert.',
      samples() {
        const expiry = gauges.certificateExpiry();
        return expiry === undefined ? [] : single(expiry);
      },
    },
  ];
}
