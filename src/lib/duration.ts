const MS_PER_SECOND = 1000;

/** How long something took, for people, in two significant digits: `0.04 ms`, `810 ms`, `1.2 s`; `–` where it is not known. */
export function formatMs(ms: number | null): string {
  if (ms === null) return '–';
  const rounded = Number(ms.toPrecision(2));
  return rounded < MS_PER_SECOND ? `${rounded} ms` : `${rounded / MS_PER_SECOND} s`;
}

const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
] as const;

/** How long something has lasted, for people, in its two largest units. Takes whole seconds. */
export function formatDuration(seconds: number): string {
  const index = UNITS.findIndex(([, size]) => seconds >= size);
  const unit = UNITS[index];
  if (unit === undefined) return `${seconds} s`;
  const [name, size] = unit;
  const [smallerName, smallerSize] = UNITS[index + 1] ?? ['s', 1];
  return `${Math.floor(seconds / size)} ${name} ${Math.floor((seconds % size) / smallerSize)} ${smallerName}`;
}
