import { BYTES_PER_MIB } from '../../../src/lib/units.ts';
import { toMiB } from '../../../test/fixtures/process/process-usage.ts';
import { formatColumns } from '../../table.ts';
import type { Target } from '../target.ts';
import type { ListsCosts } from './lists-run.ts';

/** A table for a terminal. */
export function formatLists(costs: ListsCosts): string {
  return formatColumns([
    ['names', String(costs.names)],
    ['size of the file', toMiB(costs.fileBytes)],
    ['memory of the names', toMiB(costs.bytes)],
    ['memory outside the heap after loading', toMiB(costs.grownBytes)],
    ['time to load', `${costs.loadMs.toFixed(0)} ms`],
    ['longest stall of the event loop meanwhile', `${costs.stallMs.toFixed(1)} ms`],
    ['a name that is not in the list', `${costs.missNanos.toFixed(0)} ns`],
    ['an answer for a blocked name', `${costs.blockNanos.toFixed(0)} ns`],
    ['a cache hit without the list', `${costs.hitNanos.without.toFixed(0)} ns`],
    ['a cache hit with the list', `${costs.hitNanos.with.toFixed(0)} ns`],
  ]);
}

export function targetsOf({ bytes, loadMs, stallMs, hitRatio }: ListsCosts): Target[] {
  return [
    { what: 'memory of the names', value: bytes / BYTES_PER_MIB, limit: 24, unit: 'MiB' },
    { what: 'time to load', value: loadMs, limit: 2000, unit: 'ms' },
    { what: 'longest stall', value: stallMs, limit: 20, unit: 'ms' },
    { what: 'a cache hit with the list over one without', value: hitRatio, limit: 1.03 },
  ];
}
