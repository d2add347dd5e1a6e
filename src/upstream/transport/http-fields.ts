import { MS_PER_SECOND } from '../../lib/units.ts';

/** Upper bound for delta-seconds; larger values are replaced by it (RFC 9111 §1.2.2). */
const MAX_DELTA_SECONDS = 2 ** 31;

/** Returns the media type of a Content-Type field, in lower case and without parameters. */
export function parseMediaType(value = ''): string {
  return value.split(';', 1).join('').trim().toLowerCase();
}

/** Returns the seconds of an Age field, or 0 if it is not a non-negative integer (RFC 9111 §1.2.2). */
export function parseAge(value = ''): number {
  return parseDeltaSeconds(value) ?? 0;
}

/** Parses a Date field. Returns milliseconds since 1970, or undefined if it is invalid. */
export function parseDate(value = ''): number | undefined {
  const epochMs = Date.parse(value);
  return Number.isNaN(epochMs) ? undefined : epochMs;
}

/**
 * Returns the delay that a Retry-After field requests, in milliseconds, or undefined if it is invalid. The field holds
 * delta-seconds or an HTTP-date (RFC 9110 §10.2.3). A date is compared with the Date field of the same response,
 * because the clocks of client and server may differ.
 */
export function parseRetryAfterMs(value = '', date = ''): number | undefined {
  const seconds = parseDeltaSeconds(value);
  if (seconds !== undefined) return seconds * MS_PER_SECOND;
  const [retryAt, sentAt] = [parseHttpDate(value), parseHttpDate(date)];
  return retryAt === undefined || sentAt === undefined ? undefined : Math.max(0, retryAt - sentAt);
}

function parseDeltaSeconds(value: string): number | undefined {
  return /^\d+$/.test(value) ? Math.min(Number(value), MAX_DELTA_SECONDS) : undefined;
}

/**
 * Parses an HTTP-date (RFC 9110 §5.6.7). All three forms begin with the name of the day. Only the asctime form has no
 * time zone, and it means GMT as well.
 */
function parseHttpDate(value: string): number | undefined {
  if (!/^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /.test(value)) return undefined;
  return parseDate(value.endsWith(' GMT') ? value : `${value} GMT`);
}
