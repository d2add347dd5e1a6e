import type { Random } from '../lib/random.ts';
import type { Answer } from '../message/answer/answer.ts';
import type { Entry } from './entry.ts';

/** Number of lookups since it was stored that make an answer worth refreshing. */
export const REFRESH_HITS = 2;

/** Stored in place of the number of lookups: the answer comes from a refresh that no client has used yet. */
export const UNUSED_REFRESH = -1;

/**
 * Minimum lifetime of answers that are refreshed. A refresh starts at the latest at a twentieth of the lifetime before
 * expiry. For half a minute that is 1.5 s, the median response time over an onion service. Shorter lifetimes would make
 * most refreshes late and use up the budget.
 */
const MIN_LIFETIME_MS = 30_000;

/**
 * A refresh can start once this share of the lifetime is left: a random value between both. This leaves time for a
 * lookup, which triggers the refresh, and for the answer.
 */
const EARLIEST_LEFT = 0.1;
const LATEST_LEFT = 0.05;

/**
 * Draws the time from which a hit refreshes an answer, in the cache's time; Infinity for never. It is random, so that
 * answers stored together, such as those for one web page, are not refreshed at the same time.
 */
export function drawRefreshAt({ kind }: Answer, storedAt: number, lifetimeMs: number, random: Random): number {
  // NXDOMAIN is not worth a refresh: failing faster helps no one. NODATA is: clients look up A and AAAA together and
  // wait for both, even if a name has addresses of only one family.
  if ((kind !== 'data' && kind !== 'nodata') || lifetimeMs < MIN_LIFETIME_MS) return Infinity;
  const left = LATEST_LEFT + (EARLIEST_LEFT - LATEST_LEFT) * random.fraction();
  return storedAt + lifetimeMs * (1 - left);
}

/** Whether an entry must be refreshed: it is in use and about to expire. */
export function isRefreshDue({ hits, refreshAt }: Entry, now: number): boolean {
  return hits >= REFRESH_HITS && now >= refreshAt;
}

/** Prevents a second refresh of an entry. If the first fails, the entry expires. */
export function markRefreshStarted(entry: Entry): void {
  entry.refreshAt = Infinity;
}
