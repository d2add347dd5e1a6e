// Numbers as people read them, in the terminal and on the status page. Nothing here may depend on Node.
import {
  BYTES_PER_KIB,
  BYTES_PER_MIB,
  MS_PER_SECOND,
  SECONDS_PER_DAY,
  SECONDS_PER_HOUR,
  SECONDS_PER_MINUTE,
} from './units.ts';

/** Placeholder for an unknown value. */
export const UNKNOWN = '–';

const DURATION_UNITS = [
  ['d', SECONDS_PER_DAY],
  ['h', SECONDS_PER_HOUR],
  ['min', SECONDS_PER_MINUTE],
] as const;

/** A measured time in two significant digits: `0.04 ms`, `810 ms`, `1.2 s`. */
export function formatMs(ms: number | null): string {
  if (ms === null) return UNKNOWN;
  const rounded = Number(ms.toPrecision(2));
  return rounded < MS_PER_SECOND ? `${rounded} ms` : `${rounded / MS_PER_SECOND} s`;
}

/**
 * An elapsed time in its two largest units: `12 s`, `4 min 3 s`, `3 h 12 min`, `2 d 4 h`.
 * @param seconds whole seconds
 */
export function formatDuration(seconds: number): string {
  const index = DURATION_UNITS.findIndex(([, size]) => seconds >= size);
  const unit = DURATION_UNITS[index];
  if (unit === undefined) return `${seconds} s`;
  const [name, size] = unit;
  const [smallerName, smallerSize] = DURATION_UNITS[index + 1] ?? ['s', 1];
  return `${Math.floor(seconds / size)} ${name} ${Math.floor((seconds % size) / smallerSize)} ${smallerName}`;
}

/** Digits in groups of three: `1,234,567`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en');
}

/** A count with its noun: `1 answer`, `3 answers`. */
export function formatNoun(count: number, one: string, many: string): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** A size to one decimal place: `812 B`, `2.1 KiB`, `16 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < BYTES_PER_KIB) return `${bytes} B`;
  const [value, unit] = bytes < BYTES_PER_MIB ? [bytes / BYTES_PER_KIB, 'KiB'] : [bytes / BYTES_PER_MIB, 'MiB'];
  return `${Number(value.toFixed(1))} ${unit}`;
}

/** A share in whole per cent: `67 %`. */
export function formatShare(part: number, whole: number): string {
  return whole === 0 ? UNKNOWN : `${Math.round((100 * part) / whole)} %`;
}

/** Begins a clause as a sentence. */
export function capitalize(clause: string): string {
  return clause.charAt(0).toUpperCase() + clause.slice(1);
}
