const KIBIBYTE = 1024;

/** Digits in groups of three. */
export function formatCount(count: number): string {
  return count.toLocaleString('en');
}

/** `3 answers`, `1 answer`. */
export function formatNoun(count: number, one: string, many: string): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** To a tenth: `812 B`, `2.1 KiB`, `16 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < KIBIBYTE) return `${bytes} B`;
  const [value, unit] = bytes < KIBIBYTE ** 2 ? [bytes / KIBIBYTE, 'KiB'] : [bytes / KIBIBYTE ** 2, 'MiB'];
  return `${Number(value.toFixed(1))} ${unit}`;
}
