import { median } from '../../latencies.ts';
import { formatColumns } from '../../table.ts';
import type { Target } from '../target.ts';
import { CIRCUITS, clientLabelOf, FLOOR, type Misses } from './miss-run.ts';

export interface MissRow {
  readonly client: string;
  /** CPU time per query in microseconds: the median of the rounds. */
  readonly cpuMicros: number;
  /** Difference to the bare client. */
  readonly besideTlsMicros: number;
}

/** Limit for the CPU time of a miss beside TLS and HTTP/2. */
const LIMIT_MICROS = 260;

export function toRows(results: readonly Misses[]): MissRow[] {
  const cpuOf = (client: string): number =>
    median(results.filter((result) => result.client === client).map(({ cpuMicros }) => cpuMicros));
  return [...CIRCUITS.map(clientLabelOf), FLOOR].map((client) => ({
    client,
    cpuMicros: cpuOf(client),
    besideTlsMicros: cpuOf(client) - cpuOf(FLOOR),
  }));
}

/** A table for a terminal. */
export function formatMisses(rows: readonly MissRow[]): string {
  const figures = rows.map(({ client, cpuMicros, besideTlsMicros }) => [
    client,
    cpuMicros.toFixed(0),
    client === FLOOR ? '' : besideTlsMicros.toFixed(0),
  ]);
  return formatColumns([['', 'CPU µs/miss', 'beside TLS and HTTP/2'], ...figures]);
}

export function targetsOf(rows: readonly MissRow[]): Target[] {
  return rows
    .filter(({ client }) => client !== FLOOR)
    .map(({ client, besideTlsMicros }) => ({
      what: `CPU per miss beside TLS and HTTP/2: ${client}`,
      value: besideTlsMicros,
      limit: LIMIT_MICROS,
      unit: 'µs',
    }));
}
