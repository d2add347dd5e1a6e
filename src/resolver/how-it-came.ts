import { isLoopback } from '../lib/loopback.ts';
import { encodeProvenance, type Source } from '../message/answer/provenance.ts';
import type { AnswerPath } from '../upstream/upstream.ts';
import type { Query } from '../model/query.ts';

/** Whether the client is to be told how its answer came: it asked, and is on this machine. What leaves the machine says nothing of it. */
function asksHowItCame(query: Query): boolean {
  return query.scan.provenance && isLoopback(query.client);
}

/** What a reply given now says of where it came from; undefined where the client is not to be told. */
export function howItCame(query: Query, now: number, source: Source, ageSeconds?: number): Uint8Array | undefined {
  if (!asksHowItCame(query)) return undefined;
  const age = ageSeconds === undefined ? {} : { ageSeconds };
  return encodeProvenance({ source, totalMs: now - query.arrivedAt, ...age });
}

/** The same for an answer that was asked for. */
export function howItWasAsked(query: Query, now: number, path: AnswerPath | undefined): Uint8Array | undefined {
  if (path === undefined) return howItCame(query, now, 'upstream');
  if (!asksHowItCame(query)) return undefined;
  // The question may have been under way for somebody else when this query came.
  const sentAt = Math.max(path.sentAt, query.arrivedAt);
  return encodeProvenance({
    source: 'upstream',
    totalMs: now - query.arrivedAt,
    upstream: path.upstream,
    waitedMs: sentAt - query.arrivedAt,
    askedMs: now - sentAt,
    secondTry: path.secondTry,
  });
}
