import type { Labels } from '../counter-table.ts';
import type { Totals } from '../counters.ts';
import { type BySegment, type Gauges, PREFETCH_EVENTS, STALE_REASONS } from '../metrics.ts';
import { all, type Family, type Sample, single, sum } from './family.ts';

const SEGMENTS = ['success', 'denial'];

/** Families of the cache. Where CoreDNS's plugin `cache` has an equivalent, the name and labels are CoreDNS's. */
export function cacheFamilies(totals: Totals, gauges: Gauges, server: string): Family[] {
  const shared: Labels = { server, zones: '.', view: '' };
  const labels = { server: 'the listening addresses', zones: ['.'], view: [''] };
  const bySegment = ({ success, denial }: BySegment, others: Labels): Sample[] => [
    { labels: { ...others, type: 'success' }, value: success },
    { labels: { ...others, type: 'denial' }, value: denial },
  ];
  return [
    {
      name: 'coredns_cache_requests_total',
      type: 'counter',
      unit: 'lookups',
      labels,
      help: 'Cache lookups.',
      samples: () => [{ labels: shared, value: sum(totals.cacheHits) + sum(totals.cacheMisses) }],
    },
    {
      name: 'coredns_cache_hits_total',
      type: 'counter',
      unit: 'lookups',
      labels: { ...labels, type: SEGMENTS },
      help: 'Cache lookups that found an answer, by kind of answer (denial: the name or type does not exist).',
      samples: () => all(totals.cacheHits, shared),
    },
    {
      name: 'coredns_cache_misses_total',
      type: 'counter',
      unit: 'lookups',
      labels,
      help: 'Cache lookups that found no answer, or an expired one.',
      samples: () => all(totals.cacheMisses, shared),
    },
    {
      name: 'coredns_cache_entries',
      type: 'gauge',
      unit: 'answers',
      labels: { ...labels, type: SEGMENTS },
      help: 'Answers in the cache, by kind of answer. Expired answers stay while they may still be served.',
      samples: () => bySegment(gauges.cacheEntries(), shared),
    },
    {
      name: 'coredns_cache_evictions_total',
      type: 'counter',
      unit: 'answers',
      labels: { ...labels, type: SEGMENTS },
      help: 'Answers evicted to make room for others, by kind of answer.',
      samples: () => all(totals.cacheEvictions, shared),
    },
    {
      name: 'dns4tor_cache_bytes',
      type: 'gauge',
      unit: 'bytes',
      labels: { type: SEGMENTS },
      help: 'Memory used by cached answers, by kind of answer, rounded to multiples of 65536 so that no single answer is visible.',
      samples: () => bySegment(gauges.cacheBytes(), {}),
    },
    {
      name: 'dns4tor_cache_max_bytes',
      type: 'gauge',
      unit: 'bytes',
      labels: {},
      help: 'Maximum memory of the cache (--cache-size).',
      samples: () => single(gauges.cacheMaxBytes()),
    },
    {
      name: 'dns4tor_stale_total',
      type: 'counter',
      unit: 'answers',
      labels: { reason: STALE_REASONS },
      help: 'Expired answers served, by reason: the fresh answer did not come in time (slow) or could not be obtained (failed).',
      samples: () => all(totals.stale),
    },
    {
      name: 'dns4tor_prefetches_total',
      type: 'counter',
      unit: 'refreshes',
      labels: { event: PREFETCH_EVENTS },
      help: 'Refreshes of answers before they expire, by event. Each one is sent, then answered or failed. An answered one is useful if a client asks for it before it expires, and wasted otherwise.',
      samples: () => all(totals.prefetches),
    },
  ];
}
