import { formatDuration } from '../../lib/format.ts';
import type { Consensus } from '../ask-tor.ts';
import type { Facts } from '../facts.ts';
import { fail, gravest, ok, skip, type Verdict, warn } from '../check-verdict.ts';

const MS_PER_SECOND = 1000;
const MINUTE_MS = 60 * MS_PER_SECOND;

/** Tor goes on with what is so much older or newer than its time (networkstatus.c, REASONABLY_LIVE_TIME). */
const TOLERANCE_MS = 24 * 60 * MINUTE_MS;

const SET_CLOCK =
  'Set it if it is wrong (sudo date --set), as Tor does not work then. Give the time service its servers by address, since their names cannot be looked up then.';

const NOT_KNOWN = 'not known: neither Tor nor a resolver tells the time here';

/** Whether this machine's clock is right, as far as Tor and the resolvers tell. */
export async function checkClock({
  config: { upstreams },
  clock,
  torAnswers,
  upstream,
}: Pick<Facts, 'config' | 'clock' | 'torAnswers' | 'upstream'>): Promise<Verdict> {
  const answers = await torAnswers().catch(() => undefined);
  // It does not get to its network then, so that no resolver need be waited for.
  if (answers?.complainsOfClock === true) return fail('Tor says that this machine’s clock is wrong', SET_CLOCK);
  const findings = await Promise.all(upstreams.map(upstream));
  const ahead = findings.flatMap((found) => found?.clockAheadMs ?? []).toSorted((a, b) => Math.abs(a) - Math.abs(b));
  const byResolvers = judgeByResolvers(ahead[0]);
  // It was told just now, where what Tor knows may be of hours ago.
  return byResolvers.status === 'ok'
    ? byResolvers
    : gravest(judgeByTor(answers?.consensus, clock.epochMs()), byResolvers);
}

/** @param aheadMs by how much the clock is ahead of the nearest of theirs: they are not likely to be wrong alike */
function judgeByResolvers(aheadMs: number | undefined): Verdict {
  if (aheadMs === undefined) return skip(NOT_KNOWN);
  if (Math.abs(aheadMs) < MINUTE_MS) return ok('the clock is right, as the resolver tells the time');
  return warn(`the clock is ${describe(aheadMs)} that of the resolver`, SET_CLOCK);
}

function judgeByTor(consensus: Consensus | undefined, nowEpochMs: number): Verdict {
  if (consensus === undefined) return skip(NOT_KNOWN);
  const { validAfterEpochMs, validUntilEpochMs } = consensus;
  const tooEarlyMs = validAfterEpochMs - nowEpochMs;
  const tooLateMs = nowEpochMs - validUntilEpochMs;
  if (tooEarlyMs > 0) {
    const line = `the clock is at least ${describe(-tooEarlyMs)} what Tor knows of its network`;
    return tooEarlyMs > TOLERANCE_MS ? fail(line, SET_CLOCK) : warn(line, SET_CLOCK);
  }
  if (tooLateMs > 0) {
    const line = `the clock is ${describe(tooLateMs)} the end of what Tor knows of its network`;
    const advice = `Wait, if this machine or Tor has been off for as long. ${SET_CLOCK}`;
    return tooLateMs > TOLERANCE_MS ? fail(line, advice) : warn(line, advice);
  }
  return ok('the clock is right to a few hours, as far as Tor tells');
}

function describe(aheadMs: number): string {
  const duration = formatDuration(Math.floor(Math.abs(aheadMs) / MS_PER_SECOND));
  return aheadMs > 0 ? `${duration} ahead of` : `${duration} behind`;
}
