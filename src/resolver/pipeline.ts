import { ageSeconds, type Entry, isFresh, isResting } from '../cache/entry.ts';
import { isRefreshDue } from '../cache/refresh.ts';
import { Deadline } from '../lib/deadline.ts';
import { toDns4torError } from '../failures/errors.ts';
import { type ErrorCode, failureKind } from '../failures/failures.ts';
import { MAX_MESSAGE_BYTES } from '../message/wire/header.ts';
import { keepAnswer, type PreparedAnswer } from '../message/answer/prepared-answer.ts';
import { RCODE } from '../message/wire/tables.ts';
import type { AnswerSource, StaleReason } from '../metrics/metrics.ts';
import { refusalOf } from '../policy/conformance.ts';
import { minimalAnyAnswer } from '../policy/minimal-any.ts';
import { specialUseAnswer } from '../policy/special-use-names.ts';
import { shapeAnswer, shapeReply } from './shape.ts';
import { cachedError, extendedErrorOf, staleError } from './extended-error.ts';
import { type Forwarded, Forwarder, type ForwarderComponents, type ForwarderInit } from './forward.ts';
import { howItCame, howItWasAsked } from './how-it-came.ts';
import { keptFailure } from './kept-failure.ts';
import { type Handler, keepQuery, type Query } from '../model/query.ts';

export interface PipelineInit extends ForwarderInit {
  /** Whether what is in use is refreshed shortly before it expires. */
  readonly prefetch: boolean;
}

/** RFC 8767 §5: how long a client is made to wait for a fresh answer where an expired one is at hand. */
const CLIENT_RESPONSE_MS = 1800;

/** RFC 8767 §4: the TTL of an answer that has expired. */
const STALE_TTL_SECONDS = 30;

/** What the cache has that is no longer fresh. */
interface Stale {
  readonly answer: PreparedAnswer;
  readonly ageSeconds: number;
}

/**
 * THE order in which a query is looked at. The first step that has an answer gives it:
 *
 *  1. Silence for what must not be answered: no header, or itself a response.
 *  2. Conformance: refused without a look at the name.
 *  3. The cache. Before the special-use names, which are never in it, because nearly every query ends here.
 *  4. What is answered locally: special-use names, names of local networks, and QTYPE ANY.
 *  5. Upstream, through Tor; where that takes long or fails, what the cache has that is no longer fresh.
 */
export function createPipeline(components: ForwarderComponents, init: PipelineInit): Handler {
  const { cache, clock, metrics } = components;
  const { timeoutMs, prefetch } = init;
  const forwarder = new Forwarder(components, init);

  /** Where replies that come later are written, one at a time, before they are cut to their size. */
  const spare = new Uint8Array(MAX_MESSAGE_BYTES);

  const finish = (query: Query, replyBytes: number, rcode: number, source: AnswerSource, now: number): number => {
    const { transport, family, scan, wire, arrivedAt } = query;
    metrics.answered(transport, family, scan.qtype, rcode, source, wire.length, replyBytes, now - arrivedAt);
    return replyBytes;
  };

  const refuse = (query: Query, code: ErrorCode, source: AnswerSource, reply: Uint8Array): number => {
    const rcode = RCODE[failureKind(code).rcode ?? 'SERVFAIL'];
    const now = clock.now();
    const how = howItCame(query, now, source === 'policy' ? 'local' : 'failed');
    metrics.failed(code);
    // Leak mutation: extended error
    return finish(query, shapeReply(query, rcode, reply, extendedErrorOf(code), how), rcode, source, now);
  };

  const giveFresh = (query: Query, { answer, path }: Forwarded, reply: Uint8Array): number => {
    const now = clock.now();
    const how = howItWasAsked(query, now, path);
    if (answer.kind === 'failure') metrics.failed('ERR_RESPONSE_FAILURE');
    const replyBytes = shapeAnswer(query, answer, 0, reply, answer.extendedError, undefined, how);
    return finish(query, replyBytes, answer.rcode, 'upstream', now);
  };

  const giveStale = (query: Query, stale: Stale, reason: StaleReason, why: string, reply: Uint8Array): number => {
    const { answer } = stale;
    const now = clock.now();
    const how = howItCame(query, now, 'stale', stale.ageSeconds);
    metrics.servedStale(reason);
    const replyBytes = shapeAnswer(query, answer, 0, reply, staleError(answer, why), STALE_TTL_SECONDS, how);
    return finish(query, replyBytes, answer.rcode, 'cache', now);
  };

  /** Keeps the promise of a {@link Handler}: even a defect costs one query its answer, and nobody else theirs. */
  const fail = (query: Query, thrown: unknown, source: AnswerSource, reply: Uint8Array, stale?: Stale): number => {
    try {
      const { code } = toDns4torError(thrown);
      return stale === undefined
        ? refuse(query, code, source, reply)
        : giveStale(query, stale, 'failed', failureKind(code).sentence, reply);
    } catch {
      metrics.dropped('handler_failed');
      return 0;
    }
  };

  const giveCached = (query: Query, entry: Entry, now: number, ageingTime: number, reply: Uint8Array): number => {
    const { answer, failures } = entry;
    const age = ageSeconds(entry, ageingTime);
    metrics.cacheHit(answer.kind !== 'data');
    if (!isFresh(entry, ageingTime)) {
      return giveStale(query, { answer, ageSeconds: age }, 'failed', failureKind('ERR_RECHECK').sentence, reply);
    }
    const original = answer.extendedError;
    if (failures > 0) metrics.failed(keptFailure(original));
    const error = failures === 0 ? original : cachedError(original);
    const replyBytes = shapeAnswer(query, answer, age, reply, error, undefined, howItCame(query, now, 'cache', age));
    const { rcode } = answer;
    // Last, since what asks upstream may touch the cache, and the entry is good only until then.
    if (prefetch && isRefreshDue(entry, ageingTime)) void forwarder.refresh(keepQuery(query), entry);
    // One reading of the clock for each hit: what it takes from here is below the resolution of any bucket.
    return finish(query, replyBytes, rcode, 'cache', now);
  };

  const giveForwarded = (query: Query, forwarded: Forwarded | undefined, stale: Stale | undefined): number => {
    if (stale === undefined) {
      if (forwarded === undefined) return refuse(query, 'ERR_DEADLINE', 'upstream', spare);
      return giveFresh(query, forwarded, spare);
    }
    if (forwarded === undefined) return giveStale(query, stale, 'slow', failureKind('ERR_SLOW').sentence, spare);
    // RFC 8767 §6: an expired answer is better than a fresh failure.
    if (forwarded.answer.kind === 'failure') {
      return giveStale(query, stale, 'failed', failureKind('ERR_RESPONSE_FAILURE').sentence, spare);
    }
    return giveFresh(query, forwarded, spare);
  };

  const forward = async (query: Query, stale: Stale | undefined): Promise<Uint8Array> => {
    let replyBytes: number;
    try {
      const waitMs = stale === undefined ? timeoutMs : Math.min(CLIENT_RESPONSE_MS, timeoutMs);
      const forwarded = await forwarder.ask(query, new Deadline(clock, query.arrivedAt + waitMs));
      replyBytes = giveForwarded(query, forwarded, stale);
    } catch (thrown) {
      replyBytes = fail(query, thrown, 'upstream', spare, stale);
    }
    // Nothing was awaited since it was written.
    return spare.slice(0, replyBytes);
  };

  const answer = (query: Query, reply: Uint8Array): ReturnType<Handler> => {
    const { verdict } = query.scan;
    if (verdict === 'short' || verdict === 'response') {
      metrics.dropped(verdict);
      return 0;
    }

    const refusal = refusalOf(query);
    if (refusal !== undefined) return refuse(query, refusal, 'policy', reply);

    const now = clock.now();
    const ageingTime = cache.ageingTime(now);
    const entry = cache.lookup(query, ageingTime);
    if (entry !== undefined && (isFresh(entry, ageingTime) || isResting(entry, ageingTime))) {
      return giveCached(query, entry, now, ageingTime, reply);
    }

    const local = specialUseAnswer(query) ?? minimalAnyAnswer(query);
    if (local !== undefined) {
      const how = howItCame(query, now, 'local');
      const replyBytes = shapeAnswer(query, local, 0, reply, local.extendedError, undefined, how);
      return finish(query, replyBytes, local.rcode, 'policy', clock.now());
    }

    metrics.cacheMiss();
    const stale = entry && { answer: keepAnswer(entry.answer), ageSeconds: ageSeconds(entry, ageingTime) };
    return forward(keepQuery(query), stale);
  };

  return (query, reply) => {
    try {
      return answer(query, reply);
    } catch (thrown) {
      return fail(query, thrown, 'policy', reply);
    }
  };
}
