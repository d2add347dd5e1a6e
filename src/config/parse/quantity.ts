import { type Parsed, refuse } from '../config-problem.ts';

/** Inclusive bounds, in the notation of the values. */
export interface Bounds {
  readonly min?: string | undefined;
  readonly max?: string | undefined;
}

interface Quantity {
  /** Completes `is not …`. */
  readonly noun: string;
  /** Factor of each unit, by its name in lower case; '' is no unit. */
  readonly factors: Readonly<Record<string, number>>;
}

const INTEGER: Quantity = { noun: 'a whole number', factors: { '': 1 } };

/** IEC units and bare letters are powers of 1024, as in unbound and systemd. SI units are powers of 1000. */
const BYTES: Quantity = {
  noun: 'a size such as 65536, 64k or 16MiB',
  factors: {
    '': 1,
    b: 1,
    k: 1024,
    kib: 1024,
    kb: 1000,
    m: 1024 ** 2,
    mib: 1024 ** 2,
    mb: 1000 ** 2,
    g: 1024 ** 3,
    gib: 1024 ** 3,
    gb: 1000 ** 3,
  },
};

/** In milliseconds. A number without a unit is refused, because tools disagree on whether it means seconds. */
const DURATION: Quantity = {
  noun: 'a duration with its unit, such as 1500ms, 10s or 2m',
  factors: { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 },
};

/** Parses a whole number. */
export function parseInteger(text: string, bounds: Bounds): Parsed<number> {
  return parseQuantity(text, bounds, INTEGER);
}

/** Parses a size to a whole number of bytes. */
export function parseBytes(text: string, bounds: Bounds): Parsed<number> {
  return parseQuantity(text, bounds, BYTES);
}

/** Parses a duration to a whole number of milliseconds. */
export function parseDuration(text: string, bounds: Bounds): Parsed<number> {
  return parseQuantity(text, bounds, DURATION);
}

function parseQuantity(text: string, { min, max }: Bounds, quantity: Quantity): Parsed<number> {
  const value = toNumber(text, quantity);
  const lowest = min === undefined ? -Infinity : toNumber(min, quantity);
  const highest = max === undefined ? Infinity : toNumber(max, quantity);
  const range = rangeText({ min, max });
  const remedy = range === '' ? undefined : `give ${range}`;
  if (Number.isNaN(value)) return refuse(text, `is not ${quantity.noun}`, remedy);
  return value < lowest || value > highest ? refuse(text, 'is out of range', remedy) : { value };
}

/** NaN if the text is not such a quantity, or not a whole number of the smallest unit. */
function toNumber(text: string, { factors }: Quantity): number {
  const [, digits, unit] = /^(\d{1,15}(?:\.\d{1,6})?) ?([a-z]*)$/i.exec(text) ?? [];
  const factor = factors[unit?.toLowerCase() ?? ''];
  const value = digits === undefined || factor === undefined ? Number.NaN : Number(digits) * factor;
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

/** Describes bounds, such as `0 to 65535`, for remedies and documentation. Empty without bounds. */
export function rangeText({ min, max }: Bounds): string {
  if (min !== undefined && max !== undefined) return `${min} to ${max}`;
  if (min !== undefined) return `${min} or more`;
  return max === undefined ? '' : `at most ${max}`;
}
