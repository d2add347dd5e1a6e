/** What stands where nothing is known. */
export const NOTHING = '–';

const COUNT = new Intl.NumberFormat('en');
const TIME = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const PRECISE_TIME = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

const KIBIBYTE = 1024;
const MS_PER_SECOND = 1000;
const SECONDS = { minute: 60, hour: 3600, day: 86_400 } as const;

export function formatCount(count: number): string {
  return COUNT.format(count);
}

/** `3 answers`, `1 answer`. */
export function formatNoun(count: number, one: string, many: string): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** Two significant digits: `0.04 ms`, `810 ms`, `1.2 s`. */
export function formatMs(ms: number | null): string {
  if (ms === null) return NOTHING;
  const rounded = Number(ms.toPrecision(2));
  return rounded < MS_PER_SECOND ? `${rounded} ms` : `${rounded / MS_PER_SECOND} s`;
}

/** The two largest units: `12 s`, `4 min 3 s`, `3 h 12 min`, `2 d 4 h`. */
export function formatSeconds(seconds: number): string {
  const { minute, hour, day } = SECONDS;
  if (seconds < minute) return `${seconds} s`;
  if (seconds < hour) return `${Math.floor(seconds / minute)} min ${seconds % minute} s`;
  if (seconds < day) return `${Math.floor(seconds / hour)} h ${Math.floor((seconds % hour) / minute)} min`;
  return `${Math.floor(seconds / day)} d ${Math.floor((seconds % day) / hour)} h`;
}

export function formatBytes(bytes: number): string {
  if (bytes < KIBIBYTE) return `${bytes} B`;
  const [value, unit] = bytes < KIBIBYTE ** 2 ? [bytes / KIBIBYTE, 'KiB'] : [bytes / KIBIBYTE ** 2, 'MiB'];
  return `${Number(value.toFixed(1))} ${unit}`;
}

export function formatShare(part: number, whole: number): string {
  return whole === 0 ? NOTHING : `${Math.round((100 * part) / whole)} %`;
}

/** By this machine's clock and zone: `14:05`. */
export function formatTime(epochMs: number): string {
  return TIME.format(epochMs);
}

/** `14:05:09`. */
export function formatPreciseTime(epochMs: number): string {
  return PRECISE_TIME.format(epochMs);
}
