import type { Totals } from '../counters.ts';
import { BLOCK_REASONS, type Gauges, NAME_SOURCES } from '../metrics.ts';
import { all, type Family } from './family.ts';

/** Families of local names and blocking. */
export function policyFamilies(totals: Totals, gauges: Gauges): Family[] {
  return [
    {
      name: 'dns4tor_blocked_total',
      type: 'counter',
      unit: 'answers',
      labels: { reason: BLOCK_REASONS },
      help: 'Answers blocked, by reason: a list has the name (list), the name is an alias of one that a list has (alias), or private addresses were removed (private). The last two count answers from the resolver, not their repetitions from the cache.',
      samples: () => all(totals.blocked),
    },
    {
      name: 'dns4tor_local_names',
      type: 'gauge',
      unit: 'names',
      labels: { source: NAME_SOURCES },
      help: 'Names in --hosts and --name with their reverse names (own), in --blocklist (block) and in --allowlist (allow).',
      samples() {
        const sizes = gauges.localNames();
        return NAME_SOURCES.map((source) => ({ labels: { source }, value: sizes[source] }));
      },
    },
  ];
}
