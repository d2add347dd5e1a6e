import { bad, type Parsed } from '../parsed.ts';

/** Both inclusive, written as the values are. */
export interface Bounds {
  readonly min?: string | undefined;
  readonly max?: string | undefined;
}

interface Quantity {
  /** Completes "is not …". */
  readonly noun: string;
  /** Factors of the units, by their names in lower case; '' for none. */
  readonly factors: Readonly<Record<string, number>>;
}

const INTEGER: Quantity = { noun: 'a whole number', factors: { '': 1 } };

/** The IEC's names and the bare letters are powers of 1024, as unbound and systemd read them; the SI's are of 1000. */
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

/** Milliseconds. A bare number is refused: tools differ in whether it means seconds or milliseconds. */
const DURATION: Quantity = {
  noun: 'a duration with its unit, such as 1500ms, 10s or 2m',
  factors: { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 },
};

export function parseInteger(text: string, bounds: Bounds): Parsed<number> {
  return parseQuantity(text, bounds, INTEGER);
}

/** Whole bytes. */
export function parseBytes(text: string, bounds: Bounds): Parsed<number> {
  return parseQuantity(text, bounds, BYTES);
}

/** Whole milliseconds. */
export function parseDuration(text: string, bounds: Bounds): Parsed<number> {
  return parseQuantity(text, bounds, DURATION);
}

function parseQuantity(text: string, { min, max }: Bounds, quantity: Quantity): Parsed<number> {
  const value = toNumber(text, quantity);
  const lowest = min === undefined ? -Infinity : toNumber(min, quantity);
  const highest = max === undefined ? Infinity : toNumber(max, quantity);
  const range = rangeText({ min, max });
  if (Number.isNaN(value)) return bad(text, `is not ${quantity.noun}${range === '' ? '' : `; it may be ${range}`}`);
  return value < lowest || value > highest ? bad(text, `is out of bounds; it may be ${range}`) : { value };
}

/** NaN for what is not such a quantity, or not a whole number of the smallest unit. */
function toNumber(text: string, { factors }: Quantity): number {
  const [, digits, unit] = /^(\d{1,15}(?:\.\d{1,6})?) ?([a-z]*)$/i.exec(text) ?? [];
  const factor = factors[unit?.toLowerCase() ?? ''];
  const value = digits === undefined || factor === undefined ? Number.NaN : Number(digits) * factor;
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

/** `0 to 65535`; empty without bounds. For problems, `--help` and README. */
export function rangeText({ min, max }: Bounds): string {
  if (min !== undefined && max !== undefined) return `${min} to ${max}`;
  if (min !== undefined) return `${min} or more`;
  return max === undefined ? '' : `at most ${max}`;
}
