import { BREAKER_STATES } from '../lib/breaker-state.ts';
import { CIRCUIT_STATES, TOR_STATES } from '../lib/tor-state.ts';
import type { Counters } from './counters.ts';
import type { CounterTable, Labels } from './counter-table.ts';
import type { Histogram } from './histogram.ts';
import type { Gauges } from './metrics.ts';

/** One number as it stands at the moment of a scrape. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
  /** What a histogram's series append to the family's name. */
  readonly suffix?: '_bucket' | '_sum' | '_count';
}

/** All series of one name. */
export interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** Reads the counters; called for each scrape. */
  samples(): Sample[];
}

export interface Identity {
  /** The `server` label of CoreDNS's metrics, `dns://host:port` of the first listener. */
  readonly server: string;
  /** Of dns4tor. */
  readonly version: string;
  /** Of Node, as in `process.version`. */
  readonly nodeVersion: string;
}

/**
 * All that dns4tor exports, beside what every Node process does. The names and labels of CoreDNS (its `prometheus` and
 * `cache` plugins) are those that `cloudflared proxy-dns` exported, so that dashboards for it go on working.
 */
export function families({ totals, upstreams, upstreamSlots }: Counters, gauges: Gauges, identity: Identity): Family[] {
  const { server, version, nodeVersion } = identity;
  // CoreDNS has server blocks for zones and clients' views; here is one for the root and everybody.
  const dns: Labels = { server, zone: '.', view: '' };
  const cache: Labels = { server, zones: '.', view: '' };
  const byTransport = (sizes: { readonly udp: Histogram; readonly tcp: Histogram }): Sample[] => [
    ...distribution(sizes.udp, { ...dns, proto: 'udp' }),
    ...distribution(sizes.tcp, { ...dns, proto: 'tcp' }),
  ];
  const byUpstream = (values: readonly number[]): Sample[] =>
    upstreams.map((upstream, slot) => ({
      labels: { upstream },
      value: values.reduce((total, value, index) => (upstreamSlots[index] === slot ? total + value : total), 0),
    }));
  return [
    {
      name: 'coredns_dns_requests_total',
      type: 'counter',
      help: 'Queries that were answered, by transport, address family (1 is IPv4, 2 is IPv6) and type.',
      samples: () => active(totals.requests, dns),
    },
    {
      name: 'coredns_dns_responses_total',
      type: 'counter',
      help: 'Answers by response code and by the step that made them (policy, cache, upstream).',
      samples: () => active(totals.responses, dns),
    },
    {
      name: 'coredns_dns_request_duration_seconds',
      type: 'histogram',
      help: 'Time from the arrival of a query to its answer.',
      samples: () => distribution(totals.querySeconds, dns),
    },
    {
      name: 'coredns_dns_request_size_bytes',
      type: 'histogram',
      help: 'Size of the queries.',
      samples: () => byTransport(totals.queryBytes),
    },
    {
      name: 'coredns_dns_response_size_bytes',
      type: 'histogram',
      help: 'Size of the answers.',
      samples: () => byTransport(totals.responseBytes),
    },
    {
      name: 'coredns_cache_requests_total',
      type: 'counter',
      help: 'Look-ups in the cache.',
      samples: () => [{ labels: cache, value: sum(totals.cacheHits) + sum(totals.cacheMisses) }],
    },
    {
      name: 'coredns_cache_hits_total',
      type: 'counter',
      help: 'Look-ups that found an answer, by kind of answer (denial: the name or the type does not exist).',
      samples: () => all(totals.cacheHits, cache),
    },
    {
      name: 'coredns_cache_misses_total',
      type: 'counter',
      help: 'Look-ups that found nothing.',
      samples: () => all(totals.cacheMisses, cache),
    },
    {
      name: 'coredns_cache_entries',
      type: 'gauge',
      help: 'Answers in the cache, by kind of answer.',
      samples() {
        const { success, denial } = gauges.cacheEntries();
        return [
          { labels: { ...cache, type: 'success' }, value: success },
          { labels: { ...cache, type: 'denial' }, value: denial },
        ];
      },
    },
    {
      name: 'dns4tor_cache_bytes',
      type: 'gauge',
      help: 'Memory that the answers in the cache take.',
      samples: () => [{ labels: {}, value: gauges.cacheBytes() }],
    },
    {
      name: 'dns4tor_coalesced_total',
      type: 'counter',
      help: 'Queries that joined an identical one already in flight.',
      samples: () => all(totals.coalesced),
    },
    {
      name: 'dns4tor_failures_total',
      type: 'counter',
      help: 'Queries that were refused or failed, by reason.',
      samples: () => active(totals.failures),
    },
    {
      name: 'dns4tor_stale_total',
      type: 'counter',
      help: 'Answers that were given though they had expired, by reason: no fresh one came in time, or none could be had.',
      samples: () => all(totals.stale),
    },
    {
      name: 'dns4tor_dropped_total',
      type: 'counter',
      help: 'Datagrams and messages that got no answer and connections that were refused or ended, by reason.',
      samples: () => all(totals.drops),
    },
    {
      name: 'dns4tor_upstream_requests_total',
      type: 'counter',
      help: 'Exchanges with an upstream by outcome: ok, or how they failed.',
      samples: () => active(totals.exchanges),
    },
    {
      name: 'dns4tor_upstream_request_duration_seconds',
      type: 'histogram',
      help: 'Time of the exchanges with an upstream that succeeded.',
      samples: () => upstreams.flatMap((upstream, slot) => distribution(totals.exchangeSeconds[slot]!, { upstream })),
    },
    {
      name: 'dns4tor_upstream_hedges_total',
      type: 'counter',
      help: 'Second tries on another circuit by event: sent, or answered first.',
      samples: () => all(totals.hedges),
    },
    {
      name: 'dns4tor_prefetches_total',
      type: 'counter',
      help: 'Refreshes of answers before they expire by event: sent, and then answered or failed.',
      samples: () => all(totals.prefetches),
    },
    {
      name: 'dns4tor_upstream_connects_total',
      type: 'counter',
      help: 'Attempts to connect to an upstream by outcome: ok, or how they failed.',
      samples: () => active(totals.connects),
    },
    {
      name: 'dns4tor_upstream_connections',
      type: 'gauge',
      help: 'Open connections to an upstream.',
      samples: () => byUpstream(gauges.connections()),
    },
    {
      name: 'dns4tor_upstream_queue_depth',
      type: 'gauge',
      help: 'Queries that wait for or are on a connection to an upstream.',
      samples: () => byUpstream(gauges.queueDepth()),
    },
    {
      name: 'dns4tor_upstream_alternatives',
      type: 'gauge',
      help: 'Onions that an upstream by name offers in its place (Alt-Svc) and that may be used now.',
      samples: () => byUpstream(gauges.alternatives()),
    },
    {
      name: 'dns4tor_upstream_breaker_state',
      type: 'gauge',
      help: 'Sets of circuits by state: closed where queries may wait for a connection, open where they are refused at once in an outage, half_open while that is probed.',
      samples() {
        const current = gauges.breakers();
        return BREAKER_STATES.flatMap((state) =>
          byUpstream(current.map((states) => states.filter((own) => own === state).length)).map(
            ({ labels, value }) => ({
              labels: { ...labels, state },
              value,
            }),
          ),
        );
      },
    },
    {
      name: 'dns4tor_tor_state',
      type: 'gauge',
      help: 'Where tor stands: 1 for the current state, 0 for the others.',
      samples() {
        const { state } = gauges.tor();
        return TOR_STATES.map((name) => ({ labels: { state: name }, value: name === state ? 1 : 0 }));
      },
    },
    {
      name: 'dns4tor_tor_bootstrap_percent',
      type: 'gauge',
      help: 'How far tor has come in connecting to its network, from 0 to 100.',
      samples: () => [{ labels: {}, value: gauges.tor().bootstrapPercent }],
    },
    {
      name: 'dns4tor_tor_circuits',
      type: 'gauge',
      help: 'All circuits of tor by state; absent where its control port is not read.',
      samples() {
        const { circuits } = gauges.tor();
        return circuits === undefined
          ? []
          : CIRCUIT_STATES.map((state) => ({ labels: { state }, value: circuits[state] }));
      },
    },
    {
      name: 'dns4tor_tor_newnym_total',
      type: 'counter',
      help: 'How often tor was told to forget which onion services it could not reach.',
      samples: () => all(totals.newnyms),
    },
    {
      name: 'dns4tor_build_info',
      type: 'gauge',
      help: 'Always 1; the labels say which dns4tor and which Node run.',
      samples: () => [{ labels: { version, node: nodeVersion }, value: 1 }],
    },
  ];
}

/** Every counter of a small table, so that a first event shows as an increase from 0 and not as a new series. */
function all(table: CounterTable, shared: Labels = {}): Sample[] {
  return table.entries().map(({ labels, count }) => ({ labels: { ...shared, ...labels }, value: count }));
}

/** Only what has happened: the product of the labels is large, and most of it never does. */
function active(table: CounterTable, shared: Labels = {}): Sample[] {
  return all(table, shared).filter(({ value }) => value > 0);
}

function sum(table: CounterTable): number {
  return table.entries().reduce((total, { count }) => total + count, 0);
}

function distribution(histogram: Histogram, labels: Labels): Sample[] {
  const cumulative = histogram.cumulative();
  const bounds = [...histogram.bounds.map(String), '+Inf'];
  return [
    ...bounds.map(
      (le, bucket): Sample => ({ suffix: '_bucket', labels: { ...labels, le }, value: cumulative[bucket]! }),
    ),
    { suffix: '_sum', labels, value: histogram.sum },
    { suffix: '_count', labels, value: cumulative.at(-1)! },
  ];
}
