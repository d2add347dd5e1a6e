import type { Random } from '../lib/random.ts';
import type { Answer } from '../message/answer/answer.ts';
import type { Entry } from './entry.ts';

/** Lookups since an answer was stored that make it worth a refresh ahead of its end. */
export const REFRESH_HITS = 2;

/** In place of a number of lookups: the answer came from a refresh, and whether that was worth it is not known yet. */
export const REFRESH_UNASKED = -1;

/**
 * What is kept for less time is let expire: the last twentieth of half a minute is what an answer over an onion takes at the median, so that
 * mostly the refresh would come too late, and names with such TTLs would use up the budget.
 */
const MIN_LIFETIME_MS = 30_000;

/**
 * A refresh is begun when at most a tenth of the lifetime is left, and at least a twentieth: that leaves time for a client to ask, which is
 * what begins it, and for the answer to come.
 */
const EARLIEST_LEFT = 0.1;
const LATEST_LEFT = 0.05;

/**
 * From when on a hit on an answer has it refreshed, on the clock of `storedAt`; Infinity for never. The moment is drawn, so that answers
 * which were stored together, as those for one page are, do not all go upstream again at once.
 */
export function drawRefreshAt({ kind }: Answer, storedAt: number, lifetimeMs: number, random: Random): number {
  // Not of names that do not exist: who asks for those in vain need not have it faster. But that a name has no address of a family is asked
  // for with every other one, and waited for as long.
  if ((kind !== 'data' && kind !== 'nodata') || lifetimeMs < MIN_LIFETIME_MS) return Infinity;
  const left = LATEST_LEFT + (EARLIEST_LEFT - LATEST_LEFT) * random.fraction();
  return storedAt + lifetimeMs * (1 - left);
}

/** Whether an entry that was just found is to be refreshed: it is in use, and its end is near. */
export function isRefreshDue({ hits, refreshAt }: Entry, now: number): boolean {
  return hits >= REFRESH_HITS && now >= refreshAt;
}

/** Notes that a refresh was begun. There is no other: where it fails, the entry expires. */
export function markRefreshStarted(entry: Entry): void {
  entry.refreshAt = Infinity;
}
