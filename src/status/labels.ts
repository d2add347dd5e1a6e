// The words that the terminal and the status page share. Nothing here may depend on Node.
import { formatCount, formatDuration } from '../lib/format.ts';
import { MS_PER_SECOND } from '../lib/units.ts';
import type { SystemResolverState } from '../model/system-resolver.ts';
import type { TorKind, TorState } from '../model/tor-status.ts';
import type { AnswerCounts, LatencySnapshot, StatusSnapshot, UpstreamSnapshot } from './snapshot.ts';

/** Where an answer came from. */
export const ANSWER_LABELS: Readonly<Record<keyof AnswerCounts, string>> = {
  cache: 'cache',
  upstream: 'resolver',
  stale: 'expired',
  failed: 'failed',
  local: 'answered locally',
};

/** The quantiles of the response time. */
export const LATENCY_LABELS: Readonly<Record<keyof LatencySnapshot, string>> = {
  p50Ms: 'median',
  p95Ms: '95th percentile',
};

/** Who started Tor. */
export const TOR_KIND_LABELS: Readonly<Record<TorKind, string>> = {
  external: 'not started by dns4tor',
  managed: 'started by dns4tor',
};

/** Where the programs of this machine look names up, as a clause. Null if there is nothing to say. */
export const SYSTEM_RESOLVER_LABELS: Readonly<Record<SystemResolverState, string | null>> = {
  leads_here: 'its programs ask dns4tor',
  elsewhere: 'its programs no longer ask dns4tor',
  paused: 'its programs ask the resolver of the network until dns4tor pause ends',
  not_installed: null,
  unknown: 'cannot tell whether its programs ask dns4tor',
};

/** The number of all answers. */
export function totalOf(answers: AnswerCounts): number {
  return answers.cache + answers.upstream + answers.stale + answers.failed + answers.local;
}

/**
 * Why the latest connection to an upstream failed, as a clause for people. Null if it did not, and while Tor is not
 * connected to its network yet: that failure only follows, and its remedy would contradict the one for Tor.
 */
export function upstreamFailure({ sentence }: UpstreamSnapshot, tor: TorState): string | null {
  return tor === 'bootstrapping' || tor === 'stuck' ? null : sentence;
}

/** Whether an upstream can be reached. A closed breaker alone proves nothing: nothing may have been tried yet. */
export function upstreamClause({ breaker, circuits }: UpstreamSnapshot): string {
  if (breaker === 'open') return 'not reachable';
  if (breaker === 'half_open') return 'not reachable; trying again';
  if (circuits.some(({ state }) => state === 'open')) return 'reachable';
  return circuits.some(({ state }) => state === 'connecting') ? 'connecting' : 'not connected';
}

/**
 * Where clients are answered, how many queries arrived over each transport, and how long clients accept the
 * certificate, if there is one. Empty if only plain DNS is served.
 */
export function listeningClauses({
  atEpochMs,
  listening: { urls, queries, certificateExpiresAtEpochMs },
}: Pick<StatusSnapshot, 'atEpochMs' | 'listening'>): readonly string[] {
  if (urls.every((url) => url.startsWith(PLAIN_DNS))) return [];
  const { udp, tcp, dot, doh } = queries;
  return [
    `at ${urls.join(', ')}`,
    `queries: ${formatCount(udp)} UDP, ${formatCount(tcp)} TCP, ${formatCount(dot)} TLS, ${formatCount(doh)} HTTPS`,
    ...(certificateExpiresAtEpochMs === null ? [] : [expiryClause(certificateExpiresAtEpochMs - atEpochMs)]),
  ];
}

const PLAIN_DNS = 'dns://';

function expiryClause(leftMs: number): string {
  if (leftMs <= 0) return 'the certificate has expired';
  return `the certificate expires in ${formatDuration(Math.floor(leftMs / MS_PER_SECOND))}`;
}
