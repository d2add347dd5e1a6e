import { formatColumns } from '../table.ts';

/** An upper limit that a figure of a benchmark should meet. */
export interface Target {
  readonly what: string;
  readonly value: number;
  /** Maximum of the value. */
  readonly limit: number;
  /** @default none, for a ratio */
  readonly unit?: string;
}

export function isReached({ value, limit }: Target): boolean {
  return value <= limit;
}

/** Formats each target with its value, and by how much the value misses it. */
export function formatTargets(targets: readonly Target[]): string {
  const rows = targets.map((target) => [
    target.what,
    format(target.value, target),
    `≤ ${format(target.limit, target)}`,
    isReached(target) ? 'reached' : shortfall(target),
  ]);
  return formatColumns([['to reach', 'is', 'to be', ''], ...rows]);
}

/** The target as JSON. A value that is not a number becomes null, and misses the target. */
export function toJson(target: Target): Target & { readonly reached: boolean } {
  return { ...target, reached: isReached(target) };
}

function format(value: number, { unit }: Target): string {
  return unit === undefined ? value.toFixed(2) : `${value.toFixed(0)} ${unit}`;
}

function shortfall({ value, limit }: Target): string {
  return limit > 0 ? `falls short by ${((value / limit - 1) * 100).toFixed(0)} %` : 'falls short';
}
