import { failureKind } from '../../failures/failures.ts';
import { formatDuration } from '../../lib/format.ts';
import { MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND } from '../../lib/units.ts';
import type { Consensus } from '../ask-tor.ts';
import { fail, failStuck, ok, skip, type Verdict, warn, worst } from '../check-verdict.ts';
import type { Facts } from '../facts.ts';

/**
 * Tor still uses a consensus that has expired, or is not valid yet, by up to this time (REASONABLY_LIVE_TIME in its
 * source).
 */
const TOLERANCE_MS = 24 * MS_PER_HOUR;

const SET_CLOCK =
  'If the clock is wrong, set it (sudo date --set): Tor does not work with a wrong clock. Configure NTP servers by address, since names do not resolve until then.';

/** The reason of a Tor that is stuck because of the clock. */
const WRONG_CLOCK: string = failureKind('ERR_TOR_CLOCK').label;

/** Checks this machine's clock against Tor's consensus and the time of the resolvers. */
export async function checkClock({
  config: { upstreams },
  clock,
  torAnswers,
  bootstrap,
  upstream,
}: Pick<Facts, 'config' | 'clock' | 'torAnswers' | 'bootstrap' | 'upstream'>): Promise<Verdict> {
  const [answers, finding] = await Promise.all([
    torAnswers().catch(() => undefined),
    bootstrap().catch(() => undefined),
  ]);
  const nowEpochMs = clock.epochMs();
  const byTor = judgeByTor(answers?.consensus, nowEpochMs);
  const trouble = finding?.trouble;
  if (trouble !== undefined) {
    if (trouble.reason !== WRONG_CLOCK) return byTor;
    const failed = failStuck(trouble);
    // The consensus tells the difference in fewer words.
    return byTor.status === 'fail' ? { ...failed, line: byTor.line } : failed;
  }
  const findings = await Promise.all(upstreams.map(upstream));
  const ahead = findings.flatMap((found) => found?.clockAheadMs ?? []).toSorted((a, b) => Math.abs(a) - Math.abs(b));
  const byResolvers = judgeByResolvers(ahead[0], nowEpochMs);
  // A resolver's time is current. Tor's consensus may be hours old.
  return byResolvers.status === 'ok' ? byResolvers : worst(byTor, byResolvers);
}

/** @param aheadMs difference to the resolver with the most similar time; several are unlikely to be wrong alike */
function judgeByResolvers(aheadMs: number | undefined, nowEpochMs: number): Verdict {
  if (aheadMs === undefined) return unknown(nowEpochMs);
  if (Math.abs(aheadMs) < MS_PER_MINUTE) return ok('the clock agrees with the resolver’s');
  return warn(`the clock is ${describe(aheadMs)} the resolver’s`, SET_CLOCK);
}

function judgeByTor(consensus: Consensus | undefined, nowEpochMs: number): Verdict {
  if (consensus === undefined) return unknown(nowEpochMs);
  const { validAfterEpochMs, validUntilEpochMs } = consensus;
  const tooEarlyMs = validAfterEpochMs - nowEpochMs;
  const tooLateMs = nowEpochMs - validUntilEpochMs;
  if (tooEarlyMs > 0) {
    const line = `the clock is at least ${describe(-tooEarlyMs)} the start of Tor’s network consensus`;
    return tooEarlyMs > TOLERANCE_MS ? fail(line, SET_CLOCK) : warn(line, SET_CLOCK);
  }
  if (tooLateMs > 0) {
    const line = `the clock is ${describe(tooLateMs)} the end of Tor’s network consensus`;
    const advice = `If this machine or Tor was off for that long, wait. ${SET_CLOCK}`;
    return tooLateMs > TOLERANCE_MS ? fail(line, advice) : warn(line, advice);
  }
  return ok('the clock agrees with Tor’s network consensus, to within a few hours');
}

/** Shows this clock, so that a person can judge it. */
function unknown(nowEpochMs: number): Verdict {
  const [date, time = ''] = new Date(nowEpochMs).toISOString().split('T');
  return skip(`unknown: neither Tor nor a resolver reports the time; here it is ${date} ${time.slice(0, 5)} UTC`);
}

function describe(aheadMs: number): string {
  const duration = formatDuration(Math.floor(Math.abs(aheadMs) / MS_PER_SECOND));
  return aheadMs > 0 ? `${duration} ahead of` : `${duration} behind`;
}
