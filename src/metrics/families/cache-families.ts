import type { Labels } from '../counter-table.ts';
import type { Totals } from '../counters.ts';
import { all, type Family, type Sample, single, sum } from './family.ts';
import { type BySegment, type Gauges, PREFETCH_EVENTS, STALE_REASONS } from '../metrics.ts';

const SEGMENTS = ['success', 'denial'];

/** What the cache holds and gives. The names and labels are those of CoreDNS's plugin `cache`, as far as it has any. */
export function cacheFamilies(totals: Totals, gauges: Gauges, server: string): Family[] {
  const shared: Labels = { server, zones: '.', view: '' };
  const labels = { server: 'the addresses that are answered on', zones: ['.'], view: [''] };
  const bySegment = ({ success, denial }: BySegment, others: Labels): Sample[] => [
    { labels: { ...others, type: 'success' }, value: success },
    { labels: { ...others, type: 'denial' }, value: denial },
  ];
  return [
    {
      name: 'coredns_cache_requests_total',
      type: 'counter',
      unit: 'look-ups',
      labels,
      help: 'Look-ups in the cache.',
      samples: () => [{ labels: shared, value: sum(totals.cacheHits) + sum(totals.cacheMisses) }],
    },
    {
      name: 'coredns_cache_hits_total',
      type: 'counter',
      unit: 'look-ups',
      labels: { ...labels, type: SEGMENTS },
      help: 'Look-ups that found an answer, by kind of answer (denial: the name or the type does not exist).',
      samples: () => all(totals.cacheHits, shared),
    },
    {
      name: 'coredns_cache_misses_total',
      type: 'counter',
      unit: 'look-ups',
      labels,
      help: 'Look-ups that found nothing, or an answer that has expired.',
      samples: () => all(totals.cacheMisses, shared),
    },
    {
      name: 'coredns_cache_entries',
      type: 'gauge',
      unit: 'answers',
      labels: { ...labels, type: SEGMENTS },
      help: 'Answers in the cache, by kind of answer; those that have expired are kept for as long as they may be given.',
      samples: () => bySegment(gauges.cacheEntries(), shared),
    },
    {
      name: 'coredns_cache_evictions_total',
      type: 'counter',
      unit: 'answers',
      labels: { ...labels, type: SEGMENTS },
      help: 'Answers that had to make room for others, by kind of answer.',
      samples: () => all(totals.cacheEvictions, shared),
    },
    {
      name: 'dns4tor_cache_bytes',
      type: 'gauge',
      unit: 'bytes',
      labels: { type: SEGMENTS },
      help: 'Memory that the answers in the cache take, by kind of answer; only roughly, in multiples of 65536, so that no single answer is visible.',
      samples: () => bySegment(gauges.cacheBytes(), {}),
    },
    {
      name: 'dns4tor_cache_max_bytes',
      type: 'gauge',
      unit: 'bytes',
      labels: {},
      help: 'Memory that the cache may take in all (--cache-size).',
      samples: () => single(gauges.cacheMaxBytes()),
    },
    {
      name: 'dns4tor_stale_total',
      type: 'counter',
      unit: 'answers',
      labels: { reason: STALE_REASONS },
      help: 'Answers that were given though they had expired, by reason: no fresh one came in time (slow), or none could be had (failed).',
      samples: () => all(totals.stale),
    },
    {
      name: 'dns4tor_prefetches_total',
      type: 'counter',
      unit: 'refreshes',
      labels: { event: PREFETCH_EVENTS },
      help: 'Refreshes of answers before they expire by event: sent; then answered or failed; of those answered, useful as soon as a client asks for it before it expires, wasted once it leaves the cache, or is asked for, later.',
      samples: () => all(totals.prefetches),
    },
  ];
}
