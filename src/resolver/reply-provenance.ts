import { isLoopback } from '../lib/ip-address.ts';
import { encodeProvenance, type Source } from '../message/answer/provenance.ts';
import type { Query } from '../model/query.ts';
import type { AnswerPath } from '../upstream/upstream.ts';

/** Whether the reply may say where its answer came from. Only clients on this machine are told, and only on request. */
function wantsProvenance(query: Query): boolean {
  return query.scan.provenance && isLoopback(query.client);
}

/**
 * The provenance option of a reply that is made now. Undefined if the client did not ask for it or may not know.
 * @param now on the monotonic clock, in milliseconds
 */
export function replyProvenance(
  query: Query,
  now: number,
  source: Source,
  ageSeconds?: number,
): Uint8Array | undefined {
  if (!wantsProvenance(query)) return undefined;
  const age = ageSeconds === undefined ? {} : { ageSeconds };
  return encodeProvenance({ source, totalMs: now - query.arrivedAt, ...age });
}

/** Like {@link replyProvenance}, for an answer that an upstream has just given. */
export function upstreamProvenance(query: Query, now: number, path: AnswerPath | undefined): Uint8Array | undefined {
  if (path === undefined) return replyProvenance(query, now, 'upstream');
  if (!wantsProvenance(query)) return undefined;
  // Another client's query may have sent the question before this query arrived.
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
