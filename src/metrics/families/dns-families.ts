import { TRANSPORTS, type Transport } from '../../model/query.ts';
import type { Labels } from '../counter-table.ts';
import type { Totals } from '../counters.ts';
import type { Histogram } from '../histogram.ts';
import { ANSWER_SOURCES } from '../metrics.ts';
import { active, distribution, type Family, type Sample } from './family.ts';

/**
 * Families of queries and answers. The names and labels are those of CoreDNS's plugin `prometheus`, which `cloudflared
 * proxy-dns` exported, so that its dashboards keep working.
 */
export function dnsFamilies(totals: Totals, server: string): Family[] {
  // CoreDNS has server blocks for zones and views. dns4tor is one block, for the root zone and all clients.
  const shared: Labels = { server, zone: '.', view: '' };
  const labels = { server: 'the listening addresses', zone: ['.'], view: [''] };
  const byTransport = (sizes: Readonly<Record<Transport, Histogram>>): Sample[] =>
    TRANSPORTS.flatMap((proto) => distribution(sizes[proto], { ...shared, proto }));
  return [
    {
      name: 'coredns_dns_requests_total',
      type: 'counter',
      unit: 'queries',
      labels: { ...labels, proto: TRANSPORTS, family: ['1', '2'], type: 'types by name, or other' },
      help: 'Answered queries, by transport, address family (1 is IPv4, 2 is IPv6) and type.',
      samples: () => active(totals.requests, shared),
    },
    {
      name: 'coredns_dns_responses_total',
      type: 'counter',
      unit: 'answers',
      labels: { ...labels, rcode: 'response codes by name, or other', plugin: ANSWER_SOURCES },
      help: 'Answers by response code and source: policy (refused or answered locally), cache (including expired answers) or upstream.',
      samples: () => active(totals.responses, shared),
    },
    {
      name: 'coredns_dns_request_duration_seconds',
      type: 'histogram',
      unit: 'seconds',
      labels,
      help: 'Time from the arrival of a query to its answer.',
      samples: () => distribution(totals.querySeconds, shared),
    },
    {
      name: 'coredns_dns_request_size_bytes',
      type: 'histogram',
      unit: 'bytes',
      labels: { ...labels, proto: TRANSPORTS },
      help: 'Query sizes, rounded up to multiples of 128 to hide the length of the name.',
      samples: () => byTransport(totals.queryBytes),
    },
    {
      name: 'coredns_dns_response_size_bytes',
      type: 'histogram',
      unit: 'bytes',
      labels: { ...labels, proto: TRANSPORTS },
      help: 'Answer sizes, rounded up to multiples of 468 to hide the exact length.',
      samples: () => byTransport(totals.responseBytes),
    },
  ];
}
