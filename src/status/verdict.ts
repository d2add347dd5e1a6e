import type { ErrorCode } from '../failures/failures.ts';
import type { TorStatus } from '../model/tor-status.ts';
import type { AnswerCounts, ServiceState, UpstreamSnapshot } from './snapshot.ts';
import { type Reason, reasonOf } from './failure-counts.ts';

/** What is known of the answers that come through Tor. */
export interface Outlook {
  /** Undefined before the first. */
  readonly lastAnswerSecondsAgo: number | undefined;
  /** Since the last answer. */
  readonly failuresInARow: number;
  /** Of them the latest. */
  readonly failure: ErrorCode | undefined;
  /** Since the first probe that was sent after the last answer; 0 where no probe was. */
  readonly silentMs: number;
}

export interface Facts {
  readonly outlook: Outlook;
  readonly tor: TorStatus;
  readonly upstreams: readonly UpstreamSnapshot[];
  /** Of the last minute or two, in which there was no outage. */
  readonly recent: AnswerCounts;
}

export interface Verdict {
  readonly state: ServiceState;
  readonly sentence: string;
  readonly reason: string | null;
}

/** One failure, or two, are luck over Tor: the next circuit mends them. */
const PATIENCE = 3;

/** Of a hundred answers of the onion path 99 have come within this time (9.1 s, published). */
const OUTAGE_MS = 10_000;

/**
 * A probe that takes so many times as long as answers usually do, and at least this long, is a sign: what hangs closes no connection. Of the
 * answers over one good circuit one in twenty takes as long, of those that a second try can overtake few.
 */
const HANGING = { times: 4, leastMs: 1500 } as const;

/** Fewer answers say little about a share. */
const FEW_ANSWERS = 10;

/** From this share on, a person who browses has noticed. */
const NOTICED_SHARE = 0.2;

/** Whether it works, in one sentence, which stays the same for as long as state and reason do, but for how far Tor is. */
export function judge({ outlook, tor, upstreams, recent }: Facts): Verdict {
  const isCutOff = upstreams.every(({ breaker }) => breaker !== 'closed');
  const isStarting = outlook.lastAnswerSecondsAgo === undefined;
  const isSilent = !isStarting && outlook.silentMs >= OUTAGE_MS;
  const isFailing = isCutOff || isSilent || outlook.failuresInARow >= PATIENCE;
  const reason = isFailing ? reasonFor(outlook, upstreams) : undefined;

  // Tor says itself that it is not that far: what fails is only what follows from it.
  if (isStarting && tor.state === 'bootstrapping') return state('starting', `Starting: ${bootstrapOf(tor)}.`);
  if (isFailing && tor.state === 'bootstrapping') {
    return state('failing', `Not working: ${bootstrapOf(tor)}. Only what is cached is answered.`);
  }
  if (isFailing) {
    const why = reason === undefined ? 'no answer comes through Tor' : reason.sentence;
    return state('failing', `Not working: ${why}. Only what is cached is answered.`, reason);
  }
  if (isStarting) return state('starting', 'Starting: the first answer through Tor is still to come.');

  const down = upstreams.find(({ breaker }) => breaker !== 'closed');
  if (down !== undefined) {
    const known = reasonForOne(down);
    const why = known === undefined ? '' : `: ${known.sentence}`;
    return state('degraded', `Working, but ${down.upstream} cannot be reached${why}.`, known);
  }
  if (outlook.silentMs >= hangingMs(upstreams)) {
    return state('degraded', 'Working with trouble: no answer has come through Tor for some seconds.');
  }
  const asked = recent.upstream + recent.stale + recent.failed;
  const unsatisfied = recent.stale + recent.failed;
  if (asked >= FEW_ANSWERS && unsatisfied >= NOTICED_SHARE * asked) {
    return state('degraded', 'Working with trouble: many answers that the cache does not have fail or have expired.');
  }
  return state('working', 'Working: names are resolved through Tor.');
}

function state(name: ServiceState, sentence: string, reason?: Reason): Verdict {
  return { state: name, sentence, reason: reason?.reason ?? null };
}

/** From when on a probe is taken to hang, by the estimates of the circuits that are in use. */
function hangingMs(upstreams: readonly UpstreamSnapshot[]): number {
  const estimates = upstreams.flatMap(({ circuits }) => circuits.map(({ responseTimeMs }) => responseTimeMs));
  const known = estimates.filter((ms) => ms !== null);
  return Math.max(HANGING.leastMs, known.length === 0 ? 0 : HANGING.times * Math.min(...known));
}

/** Why nothing comes: what the resolver that is asked first says of its connections, or what the last query met. */
function reasonFor({ failure }: Outlook, upstreams: readonly UpstreamSnapshot[]): Reason | undefined {
  const first = upstreams.find(({ breaker }) => breaker !== 'closed');
  return (first && reasonForOne(first)) ?? (failure && reasonOf(failure));
}

function reasonForOne({ reason, sentence }: UpstreamSnapshot): Reason | undefined {
  return reason === null || sentence === null ? undefined : { reason, sentence };
}

function bootstrapOf({ bootstrapPercent, bootstrapSummary }: TorStatus): string {
  const summary = bootstrapSummary === undefined ? '' : `: ${bootstrapSummary}`;
  return `Tor is at ${bootstrapPercent} %${summary}`;
}
