import { type Asked, QUERIES_PER_SECOND } from './load.ts';

/** Two seconds of the load: so many queries in a row that are answered fresh are full service. */
const IN_A_ROW = 2 * QUERIES_PER_SECOND;

/** Whether the last queries that have ended, of those sent since a moment, and all between them were answered fresh. */
export function isFullService(asked: readonly Asked[], sinceMs: number): boolean {
  const since = asked.filter(({ sentAtMs }) => sentAtMs >= sinceMs);
  const end = since.findLastIndex((query) => query.end !== undefined) + 1;
  return end >= IN_A_ROW && since.slice(end - IN_A_ROW, end).every(isFresh);
}

/**
 * When the first answer came after which all were fresh; undefined when there was none. Where all were fresh it is the moment at which the
 * first was asked for.
 * @param asked in the order in which they were sent
 */
export function serviceSinceMs(asked: readonly Asked[]): number | undefined {
  const lastLoss = asked.findLastIndex((query) => !isFresh(query));
  return lastLoss === -1 ? asked[0]?.sentAtMs : asked[lastLoss + 1]?.end?.atMs;
}

function isFresh({ end }: Asked): boolean {
  return end?.outcome === 'fresh';
}
