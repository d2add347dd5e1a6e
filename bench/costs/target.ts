import { formatColumns } from '../table.ts';

/** What a benchmark is to reach. */
export interface Target {
  readonly what: string;
  readonly value: number;
  /** The value may be this at most. */
  readonly limit: number;
  /** @default none, as for a ratio */
  readonly unit?: string;
}

export function isReached({ value, limit }: Target): boolean {
  return value <= limit;
}

/** Each with what it came to, and by how much it falls short if it does. */
export function formatTargets(targets: readonly Target[]): string {
  const rows = targets.map((target) => [
    target.what,
    format(target.value, target),
    `≤ ${format(target.limit, target)}`,
    isReached(target) ? 'reached' : shortfall(target),
  ]);
  return formatColumns([['to reach', 'is', 'to be', ''], ...rows]);
}

/** As JSON has it: a value that is no number is null there, and is not reached. */
export function toJson(target: Target): Target & { readonly reached: boolean } {
  return { ...target, reached: isReached(target) };
}

function format(value: number, { unit }: Target): string {
  return unit === undefined ? value.toFixed(2) : `${value.toFixed(0)} ${unit}`;
}

function shortfall({ value, limit }: Target): string {
  return limit > 0 ? `falls short by ${((value / limit - 1) * 100).toFixed(0)} %` : 'falls short';
}
