import { ageSeconds, awaitsRecheck, type Entry, isFresh } from '../cache/entry.ts';
import { isRefreshDue } from '../cache/refresh.ts';
import { toDns4torError } from '../failures/errors.ts';
import { type ErrorCode, failureKind } from '../failures/failures.ts';
import { Deadline } from '../lib/deadline.ts';
import { copyAnswer, type PreparedAnswer } from '../message/answer/prepared-answer.ts';
import { MAX_MESSAGE_BYTES } from '../message/wire/header.ts';
import { RCODE } from '../message/wire/tables.ts';
import type { AnswerSource, StaleReason } from '../metrics/metrics.ts';
import { copyQuery, type Handler, type Query } from '../model/query.ts';
import { refusalOf } from '../policy/conformance.ts';
import type { Alias } from '../policy/own-names.ts';
import { queryForTarget, replyForAlias } from './alias-reply.ts';
import { cachedError, extendedErrorOf, staleError } from './extended-error.ts';
import { type Forwarded, Forwarder, type ForwarderComponents, type ForwarderInit } from './forward.ts';
import { replyProvenance, upstreamProvenance } from './reply-provenance.ts';
import { maxReplyBytes, shapeAnswer, shapeReply } from './shape-reply.ts';

/** Settings of the pipeline. `timeoutMs` and `prefetch` may change: they are read for each query. */
export interface PipelineInit extends ForwarderInit {
  /** Whether answers in use are refreshed shortly before they expire. */
  readonly prefetch: boolean;
}

/** RFC 8767 §5, client response timer: how long a client waits for a fresh answer when an expired one is cached. */
const CLIENT_RESPONSE_MS = 1800;

/** RFC 8767 §4: the TTL of an expired answer. */
const STALE_TTL_SECONDS = 30;

/** An expired answer from the cache. */
interface Stale {
  readonly answer: PreparedAnswer;
  readonly ageSeconds: number;
}

/**
 * Creates the query handler: the order in which a query passes policy, cache and upstream. The first step with an
 * answer ends the query.
 *
 * 1. Drop what must not be answered: no whole header, or a response.
 * 2. Conformance: refuse without looking at the name.
 * 3. Cache. Most queries end here, so it comes before the local answers, which are never in it.
 * 4. Local answers (`Policy`): own names, blocked names, special-use names, and QTYPE ANY.
 * 5. Upstream, through Tor. If that is slow or fails: an expired answer from the cache.
 */
export function createPipeline(components: ForwarderComponents, init: PipelineInit): Handler {
  const { cache, clock, metrics, policy } = components;
  const forwarder = new Forwarder(components, init);

  /** Holds one asynchronous reply while it is written. The caller gets a copy of the right size. */
  const lateReply = new Uint8Array(MAX_MESSAGE_BYTES);

  return (query, reply) => {
    try {
      return handle(query, reply);
    } catch (thrown) {
      return replyFailure(query, thrown, 'policy', reply);
    }
  };

  function handle(query: Query, reply: Uint8Array): ReturnType<Handler> {
    // 1. Drop.
    const { verdict } = query.scan;
    if (verdict === 'short' || verdict === 'response') {
      metrics.dropped(verdict);
      return 0;
    }

    // 2. Conformance.
    const refusal = refusalOf(query);
    if (refusal !== undefined) return replyError(query, refusal, 'policy', reply);

    // 3. Cache.
    const now = clock.now();
    const ageingTime = cache.ageingTime(now);
    const entry = cache.lookup(query, ageingTime);
    if (entry !== undefined && (isFresh(entry, ageingTime) || awaitsRecheck(entry, ageingTime))) {
      return replyCached(query, entry, now, ageingTime, reply);
    }

    // 4. Local answers.
    const local = policy().answer(query);
    if (local !== undefined) {
      if ('target' in local) return followAlias(query, local, reply);
      const provenance = replyProvenance(query, now, 'local');
      const replyBytes = shapeAnswer(query, local, 0, reply, local.extendedError, undefined, provenance);
      return count(query, replyBytes, local.rcode, 'policy', clock.now());
    }

    // 5. Upstream. What the listener owns is copied: it is reused when this function returns.
    metrics.cacheMiss();
    const stale = entry && { answer: copyAnswer(entry.answer), ageSeconds: ageSeconds(entry, ageingTime) };
    return forward(copyQuery(query), stale);
  }

  /** Resolves the target of an own name like any other name. The target's reply is the one that is counted. */
  function followAlias(query: Query, alias: Alias, reply: Uint8Array): ReturnType<Handler> {
    const result = handle(queryForTarget(query, alias), reply);
    if (typeof result === 'number') {
      if (result === 0) return 0;
      const own = replyForAlias(query, alias, reply.slice(0, result), maxReplyBytes(query));
      reply.set(own);
      return own.length;
    }
    return replyForAliasLater(copyQuery(query), alias, result);
  }

  async function replyForAliasLater(query: Query, alias: Alias, later: Promise<Uint8Array>): Promise<Uint8Array> {
    const reply = await later;
    try {
      return reply.length === 0 ? reply : replyForAlias(query, alias, reply, maxReplyBytes(query));
    } catch (thrown) {
      return lateReply.slice(0, replyFailure(query, thrown, 'upstream', lateReply));
    }
  }

  function replyCached(query: Query, entry: Entry, now: number, ageingTime: number, reply: Uint8Array): number {
    const { answer, failureCode } = entry;
    const age = ageSeconds(entry, ageingTime);
    metrics.cacheHit(answer.kind !== 'data');
    if (!isFresh(entry, ageingTime)) {
      return replyStale(query, { answer, ageSeconds: age }, 'failed', 'ERR_RECHECK', reply);
    }
    const original = answer.extendedError;
    if (failureCode !== undefined) metrics.failed(failureCode);
    const error = failureCode === undefined ? original : cachedError(original);
    const provenance = replyProvenance(query, now, 'cache', age);
    const replyBytes = shapeAnswer(query, answer, age, reply, error, undefined, provenance);
    const { rcode } = answer;
    // Last: a refresh may use the cache, which invalidates the entry.
    if (init.prefetch && isRefreshDue(entry, ageingTime)) void forwarder.refresh(copyQuery(query), entry);
    // A hit reads the clock once: the rest takes less than the resolution of any bucket.
    return count(query, replyBytes, rcode, 'cache', now);
  }

  async function forward(query: Query, stale: Stale | undefined): Promise<Uint8Array> {
    let replyBytes: number;
    try {
      const { timeoutMs } = init;
      const waitMs = stale === undefined ? timeoutMs : Math.min(CLIENT_RESPONSE_MS, timeoutMs);
      const forwarded = await forwarder.forward(query, new Deadline(clock, query.arrivedAt + waitMs));
      replyBytes = replyForwarded(query, forwarded, stale);
    } catch (thrown) {
      replyBytes = replyFailure(query, thrown, 'upstream', lateReply, stale);
    }
    // No other query has written to it: there was no await in between.
    return lateReply.slice(0, replyBytes);
  }

  /** @param forwarded undefined if the deadline has passed */
  function replyForwarded(query: Query, forwarded: Forwarded | undefined, stale: Stale | undefined): number {
    if (stale === undefined) {
      if (forwarded === undefined) return replyError(query, 'ERR_DEADLINE', 'upstream', lateReply);
      return replyFresh(query, forwarded, lateReply);
    }
    if (forwarded === undefined) return replyStale(query, stale, 'slow', 'ERR_SLOW', lateReply);
    // RFC 8767 §6: an expired answer is better than a fresh failure.
    if (forwarded.answer.kind === 'failure') {
      return replyStale(query, stale, 'failed', 'ERR_RESPONSE_FAILURE', lateReply);
    }
    return replyFresh(query, forwarded, lateReply);
  }

  function replyFresh(query: Query, { answer, path }: Forwarded, reply: Uint8Array): number {
    const now = clock.now();
    const provenance = upstreamProvenance(query, now, path);
    if (answer.kind === 'failure') metrics.failed('ERR_RESPONSE_FAILURE');
    const replyBytes = shapeAnswer(query, answer, 0, reply, answer.extendedError, undefined, provenance);
    return count(query, replyBytes, answer.rcode, 'upstream', now);
  }

  function replyStale(query: Query, stale: Stale, reason: StaleReason, code: ErrorCode, reply: Uint8Array): number {
    const { answer } = stale;
    const now = clock.now();
    const provenance = replyProvenance(query, now, 'stale', stale.ageSeconds);
    metrics.servedStale(reason);
    const replyBytes = shapeAnswer(query, answer, 0, reply, staleError(answer, code), STALE_TTL_SECONDS, provenance);
    return count(query, replyBytes, answer.rcode, 'cache', now);
  }

  /** Never throws, as a {@link Handler} promises: a defect costs one query its answer and affects no other. */
  function replyFailure(query: Query, thrown: unknown, source: AnswerSource, reply: Uint8Array, stale?: Stale): number {
    try {
      const { code } = toDns4torError(thrown);
      return stale === undefined
        ? replyError(query, code, source, reply)
        : replyStale(query, stale, 'failed', code, reply);
    } catch {
      metrics.dropped('handler_failed');
      return 0;
    }
  }

  function replyError(query: Query, code: ErrorCode, source: AnswerSource, reply: Uint8Array): number {
    const rcode = RCODE[failureKind(code).rcode ?? 'SERVFAIL'];
    const now = clock.now();
    const provenance = replyProvenance(query, now, source === 'policy' ? 'local' : 'failed');
    metrics.failed(code);
    query.onFailed?.(code);
    // Leak mutation: extended error
    const replyBytes = shapeReply(query, rcode, reply, extendedErrorOf(code), provenance);
    return count(query, replyBytes, rcode, source, now);
  }

  /** Counts a reply. Returns its length. */
  function count(query: Query, replyBytes: number, rcode: number, source: AnswerSource, now: number): number {
    const { transport, family, scan, wire, arrivedAt } = query;
    metrics.answered(transport, family, scan.qtype, rcode, source, wire.length, replyBytes, now - arrivedAt);
    return replyBytes;
  }
}
