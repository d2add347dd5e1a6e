import type { ErrorCode } from '../failures/failures.ts';
import { capitalize } from '../lib/format.ts';
import { P99_RESPONSE_MS } from '../model/response-time.ts';
import type { SystemResolver } from '../model/system-resolver.ts';
import type { ValidityState } from '../model/tls/certificate-validity.ts';
import type { TorStatus } from '../model/tor-status.ts';
import { explain, type Reason, reasonOf, reasonOfLabel } from './reasons.ts';
import type { AnswerCounts, ServiceState, UpstreamSnapshot } from './snapshot.ts';

/** Recent experience with answers through Tor. */
export interface Connectivity {
  /** Undefined before the first answer. */
  readonly lastAnswerSecondsAgo: number | undefined;
  /** Failures since the last answer. */
  readonly failuresInARow: number;
  /** The latest of these failures. */
  readonly failure: ErrorCode | undefined;
  /** Time since the first probe after the last answer; 0 without such a probe. */
  readonly silentMs: number;
}

/** What a verdict is based on. */
export interface VerdictInput {
  readonly connectivity: Connectivity;
  readonly tor: TorStatus;
  readonly systemResolver: SystemResolver;
  /** Of the certificate for DoT and DoH. Undefined without one. */
  readonly certificate: ValidityState | undefined;
  readonly upstreams: readonly UpstreamSnapshot[];
  /** Answers of the last one or two minutes, without those during an outage. */
  readonly recent: AnswerCounts;
}

/** The part of a snapshot that says how the service is doing. */
export interface ServiceVerdict {
  readonly state: ServiceState;
  readonly headline: string;
  readonly remedy: string | null;
  readonly sentence: string;
  readonly reason: string | null;
}

/** Failures in a row that count as an outage. One or two are normal over Tor: the next circuit works. */
const OUTAGE_FAILURES = 3;

/** Silence that counts as an outage. */
const OUTAGE_MS: number = P99_RESPONSE_MS;

/**
 * A probe counts as hanging after this multiple of the usual response time, but not before `leastMs`. A hanging Tor
 * closes no connection, so only silence reveals it. One in twenty answers over a good circuit takes as long, but few of
 * those that a hedged request can overtake.
 */
const HANGING = { times: 4, leastMs: 1500 } as const;

/** Minimum number of answers for judging the share of failed ones. */
const MIN_ANSWERS = 10;

/** Share of failed and stale answers that a person notices while browsing. */
const NOTICEABLE_SHARE = 0.2;

/** The remedy of an outage that may end without one, or whose cause is not known. */
const FIND_OUT = 'if it does not end within a minute, run dns4tor check, which tests each step of the way';

/** Tells people that the cache still works. */
const FROM_CACHE = 'Only cached names are answered.';

/**
 * Decides whether the service works, and says so in a headline with its remedy. The texts change only with the state,
 * the reason or Tor's bootstrap progress.
 */
export function judge({
  connectivity,
  tor,
  systemResolver,
  certificate,
  upstreams,
  recent,
}: VerdictInput): ServiceVerdict {
  const isCutOff = upstreams.every(({ breaker }) => breaker !== 'closed');
  const isStarting = connectivity.lastAnswerSecondsAgo === undefined;
  const isSilent = !isStarting && connectivity.silentMs >= OUTAGE_MS;
  const isFailing = isCutOff || isSilent || connectivity.failuresInARow >= OUTAGE_FAILURES;

  // Tor itself reports that it is still bootstrapping. Other failures only follow from that.
  if (tor.trouble !== undefined && (isStarting || isFailing)) {
    return verdict('stuck', `Not working: ${tor.trouble.problem}. ${FROM_CACHE}`, explain(tor.trouble));
  }
  if (isStarting && tor.state === 'bootstrapping') return verdict('starting', `Starting: ${bootstrapOf(tor)}.`);
  if (isFailing && tor.state === 'bootstrapping') {
    return verdict('failing', `Not working: ${bootstrapOf(tor)}. ${FROM_CACHE}`);
  }
  if (isFailing) {
    const cause = causeOf(connectivity, upstreams);
    const headline = `Not working: ${cause?.problem ?? 'no answers come through Tor'}. ${FROM_CACHE}`;
    return verdict('failing', headline, cause, cause?.remedy ?? FIND_OUT);
  }
  if (isStarting) return verdict('starting', 'Starting: waiting for the first answer through Tor.');

  // Before other degradations: names of this machine leave it in the clear.
  if (systemResolver.trouble !== undefined) {
    const { problem } = systemResolver.trouble;
    return verdict('degraded', `Working, but ${problem}.`, explain(systemResolver.trouble));
  }
  if (certificate === 'expired' || certificate === 'not_yet') {
    const cause = reasonOf('ERR_CERTIFICATE_EXPIRED');
    return verdict('degraded', `Working, but ${cause.problem}.`, cause);
  }
  const down = upstreams.find(({ breaker }) => breaker !== 'closed');
  if (down !== undefined) {
    const cause = causeOfOne(down);
    const why = cause === undefined ? '' : `: ${cause.problem}`;
    return verdict('degraded', `Working, but ${down.upstream} cannot be reached${why}.`, cause);
  }
  if (connectivity.silentMs >= hangingMs(upstreams)) {
    return verdict('degraded', 'Degraded: no answer has come through Tor for some seconds.');
  }
  const asked = recent.upstream + recent.stale + recent.failed;
  const unsatisfied = recent.stale + recent.failed;
  if (asked >= MIN_ANSWERS && unsatisfied >= NOTICEABLE_SHARE * asked) {
    return verdict('degraded', 'Degraded: many names that are not cached fail or get expired answers.');
  }
  return verdict('working', 'Working: names are resolved through Tor.');
}

function verdict(state: ServiceState, headline: string, cause?: Reason, clause = cause?.remedy): ServiceVerdict {
  const remedy = clause === undefined ? null : `${capitalize(clause)}.`;
  const sentence = remedy === null ? headline : `${headline} ${remedy}`;
  return { state, headline, remedy, sentence, reason: cause?.reason ?? null };
}

/** The time after which a probe counts as hanging, from the estimates of the circuits in use. */
function hangingMs(upstreams: readonly UpstreamSnapshot[]): number {
  const estimates = upstreams.flatMap(({ circuits }) => circuits.map(({ responseTimeMs }) => responseTimeMs));
  const known = estimates.filter((ms) => ms !== null);
  return Math.max(HANGING.leastMs, known.length === 0 ? 0 : HANGING.times * Math.min(...known));
}

/** The cause of an outage: that of the first upstream that is cut off, or else the latest failure of a query. */
function causeOf({ failure }: Connectivity, upstreams: readonly UpstreamSnapshot[]): Reason | undefined {
  const first = upstreams.find(({ breaker }) => breaker !== 'closed');
  return (first && causeOfOne(first)) ?? (failure && reasonOf(failure));
}

function causeOfOne({ reason }: UpstreamSnapshot): Reason | undefined {
  return reason === null ? undefined : reasonOfLabel(reason);
}

function bootstrapOf({ bootstrapPercent, bootstrapSummary }: TorStatus): string {
  const summary = bootstrapSummary === undefined ? '' : `: ${bootstrapSummary}`;
  return `Tor is at ${bootstrapPercent} %${summary}`;
}
