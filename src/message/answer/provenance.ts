/*
 * Provenance: where an answer came from, for `dns4tor query`. It is an EDNS option of our own, from the range for local
 * use (RFC 6891 §9). A query with the empty option requests it; the reply contains the data below.
 *
 * It never leaves this machine. Only loopback clients get it, and only on request. Upstream queries are built from the
 * question alone (G5), so the option is never forwarded.
 *
 * It reveals nothing that its reader could not find out. Any client can tell a cached answer and its age from the TTLs
 * and the response time. The upstream is in the configuration. Query names and clients are not included.
 */

/**
 * - `cache`: cached and fresh.
 * - `stale`: cached and expired, because no fresh answer came in time (RFC 8767).
 * - `upstream`: from the resolver, through Tor.
 * - `local`: answered or refused by dns4tor itself.
 * - `failed`: no answer. The extended error has the reason.
 */
const SOURCES = ['cache', 'stale', 'upstream', 'local', 'failed'] as const;
export type Source = (typeof SOURCES)[number];

/** Times are in milliseconds, rounded to a tenth. */
export interface Provenance {
  readonly source: Source;
  /** From the arrival of the query to the reply. */
  readonly totalMs: number;
  /** Age of the cached answer. */
  readonly ageSeconds?: number;
  /** URL of the resolver that answered. */
  readonly upstream?: string;
  /** From the arrival until the question was sent; 0 if it was in flight already for another client. */
  readonly waitedMs?: number;
  /** From then until the answer. */
  readonly askedMs?: number;
  /** Whether a hedged query, sent because the first took long, was answered first. */
  readonly secondTry?: boolean;
}

/** Encodes the option's data. */
export function encodeProvenance(provenance: Provenance): Uint8Array {
  return Buffer.from(
    JSON.stringify(provenance, (_, value: unknown) => (typeof value === 'number' ? tenths(value) : value)),
  );
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}

/**
 * Decodes the option's data. Returns undefined if it is invalid: other servers may use the option's number differently.
 */
export function decodeProvenance(data: Uint8Array): Provenance | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(data).toString());
    return isProvenance(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isProvenance(value: unknown): value is Provenance {
  if (typeof value !== 'object' || value === null) return false;
  const fields = new Map<string, unknown>(Object.entries(value));
  const isOptional = (name: string, type: string): boolean => !fields.has(name) || typeof fields.get(name) === type;
  return (
    SOURCES.some((source) => source === fields.get('source')) &&
    typeof fields.get('totalMs') === 'number' &&
    ['ageSeconds', 'waitedMs', 'askedMs'].every((name) => isOptional(name, 'number')) &&
    isOptional('upstream', 'string') &&
    isOptional('secondTry', 'boolean')
  );
}
