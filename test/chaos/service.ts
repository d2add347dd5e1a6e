import { type Asked, QUERIES_PER_SECOND } from './load.ts';

/** Two seconds of load: full service is this many fresh answers in a row. */
const IN_A_ROW = 2 * QUERIES_PER_SECOND;

/** Whether the last completed queries sent since a moment, and all between them, got fresh answers. */
export function isFullService(asked: readonly Asked[], sinceMs: number): boolean {
  const since = asked.filter(({ sentAtMs }) => sentAtMs >= sinceMs);
  const end = since.findLastIndex((query) => query.end !== undefined) + 1;
  return end >= IN_A_ROW && since.slice(end - IN_A_ROW, end).every(isFresh);
}

/**
 * When the first answer arrived after which all were fresh; undefined if there is none. If all were fresh, when the
 * first query was sent.
 *
 * @param asked in the order sent
 */
export function serviceSinceMs(asked: readonly Asked[]): number | undefined {
  const lastLoss = asked.findLastIndex((query) => !isFresh(query));
  return lastLoss === -1 ? asked[0]?.sentAtMs : asked[lastLoss + 1]?.end?.atMs;
}

function isFresh({ end }: Asked): boolean {
  return end?.outcome === 'fresh';
}
