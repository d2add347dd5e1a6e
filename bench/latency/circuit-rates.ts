import { MS_PER_HOUR } from '../../src/lib/units.ts';
import { mean } from '../latencies.ts';
import { formatColumns } from '../table.ts';
import { DNS4TOR } from './latency-clients.ts';
import type { Regime } from './latency-regimes.ts';
import type { ClientRun } from './latency-run.ts';

/** How many circuits dns4tor builds, as means over seeds. */
export interface CircuitRate {
  readonly name: string;
  readonly title: string;
  /** Circuits built in the first seconds, during the first page. */
  readonly atStart: number;
  readonly perHour: number;
}

export function toCircuitRate({ name, title, lastsMs }: Regime, runs: readonly ClientRun[]): CircuitRate {
  const own = runs.filter(({ kind }) => kind === DNS4TOR);
  const later = mean(own.map(({ circuits, circuitsAtStart }) => circuits - circuitsAtStart));
  return {
    name,
    title,
    atStart: mean(own.map(({ circuitsAtStart }) => circuitsAtStart)),
    perHour: (later * MS_PER_HOUR) / lastsMs,
  };
}

export function formatRates(rates: readonly CircuitRate[]): string {
  return formatColumns([
    ['circuits that dns4tor builds', 'at start', 'then per hour'],
    ...rates.map(({ name, title, atStart, perHour }) => [`${name}: ${title}`, atStart.toFixed(1), perHour.toFixed(1)]),
  ]);
}
