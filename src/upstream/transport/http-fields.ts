/** RFC 9111 §1.2.2: the value that replaces a larger number of seconds. */
const MAX_DELTA_SECONDS = 2 ** 31;

const MS_PER_SECOND = 1000;

/** The media type of a Content-Type field, in lower case and without parameters. */
export function parseMediaType(value = ''): string {
  return value.split(';', 1).join('').trim().toLowerCase();
}

/** The seconds of an Age field; 0 if it has none. RFC 9111 §1.2.2: a non-negative integer, anything else is ignored. */
export function parseAge(value = ''): number {
  return parseDeltaSeconds(value) ?? 0;
}

/** A Date field in milliseconds since 1970, or undefined. */
export function parseDate(value = ''): number | undefined {
  const epochMs = Date.parse(value);
  return Number.isNaN(epochMs) ? undefined : epochMs;
}

/**
 * The wait that a Retry-After field asks for, in milliseconds, or undefined. RFC 9110 §10.2.3: delta-seconds, or an
 * HTTP-date. A date is compared with the response's own Date field, because the clocks of client and server may differ.
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
 * RFC 9110 §5.6.7: all three forms begin with the name of the day. Only asctime's names no zone; it means GMT as well.
 */
function parseHttpDate(value: string): number | undefined {
  if (!/^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /.test(value)) return undefined;
  return parseDate(value.endsWith(' GMT') ? value : `${value} GMT`);
}
