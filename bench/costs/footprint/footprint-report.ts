import { BYTES_PER_MIB } from '../../../src/lib/units.ts';
import { toMiB } from '../../../test/fixtures/process/process-usage.ts';
import { median } from '../../latencies.ts';
import { formatColumns } from '../../table.ts';
import type { Target } from '../target.ts';
import type { Footprint } from './footprint-run.ts';

/** A table for a terminal. */
export function formatFootprint(footprint: Footprint): string {
  const { listeningMs, idleBytes, filledBytes, restedBytes, entries, cacheBytes } = footprint;
  return formatColumns([
    ['start to listening, median', `${median(listeningMs).toFixed(0)} ms`],
    ['start to listening, longest', `${Math.max(...listeningMs).toFixed(0)} ms`],
    ['RSS, idle', toMiB(idleBytes)],
    [`RSS with ${entries} answers in the cache`, toMiB(filledBytes)],
    ['RSS with them, at rest', toMiB(restedBytes)],
    ['what the cache counts for them', toMiB(cacheBytes)],
  ]);
}

export function targetsOf({ listeningMs, idleBytes, filledBytes, entries }: Footprint): Target[] {
  return [
    { what: 'start to listening', value: median(listeningMs), limit: 250, unit: 'ms' },
    // 70 MB in MiB.
    { what: 'RSS, idle', value: idleBytes / BYTES_PER_MIB, limit: 70e6 / BYTES_PER_MIB, unit: 'MiB' },
    {
      what: `RSS with ${entries} answers over idle`,
      value: (filledBytes - idleBytes) / BYTES_PER_MIB,
      limit: 64,
      unit: 'MiB',
    },
  ];
}
