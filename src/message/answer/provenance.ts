/*
 * How an answer came, for `dns4tor query`: an EDNS option of our own (RFC 6891 §9 leaves 65001 to 65534 to local use). A query that carries it,
 * empty, asks; the reply to it carries what is here. It goes no further than between this machine's programs: only loopback is told, a reply
 * to anybody who did not ask is what it would be without it, and upstream queries are made from the question alone (G5), so that it is
 * never sent on.
 *
 * What it tells is no more than its reader could know: whether an answer is from the cache and how old shows in its TTLs and in the time that
 * it takes, to any program that may ask at all; the upstream is in the configuration. It names no question and no client.
 */

/**
 * - `cache`: kept, and not expired. `stale`: expired, and given because no fresh one came (RFC 8767).
 * - `upstream`: asked for through Tor. `local`: answered here, and never asked.
 * - `failed`: there is no answer; the extended error says why.
 */
const SOURCES = ['cache', 'stale', 'upstream', 'local', 'failed'] as const;
export type Source = (typeof SOURCES)[number];

/** Times are in milliseconds, to a tenth. */
export interface Provenance {
  readonly source: Source;
  /** From the query's arrival to its reply. */
  readonly totalMs: number;
  /** Of what the cache had. */
  readonly ageSeconds?: number;
  /** The URL of the resolver that answered, where it was asked for this. */
  readonly upstream?: string;
  /** Until the question was sent to it; 0 if it was under way already, for somebody else. */
  readonly waitedMs?: number;
  /** From then on until its answer came. */
  readonly askedMs?: number;
  /** Whether it was a second try, beside one that took long, which was answered first. */
  readonly secondTry?: boolean;
}

/** The option's data. */
export function encodeProvenance(provenance: Provenance): Uint8Array {
  return Buffer.from(
    JSON.stringify(provenance, (_, value: unknown) => (typeof value === 'number' ? tenths(value) : value)),
  );
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Undefined for what is none: another server may use the option's number for something else. */
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
