const TIME = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const TIME_WITH_SECONDS = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** The time of day in the browser's time zone: `14:05`. */
export function formatTime(epochMs: number): string {
  return TIME.format(epochMs);
}

/** The time of day to the second: `14:05:09`. */
export function formatTimeWithSeconds(epochMs: number): string {
  return TIME_WITH_SECONDS.format(epochMs);
}
