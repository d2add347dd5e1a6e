import { ageSeconds, type Entry, isFresh, isResting } from '../cache/entry.ts';
import { isRefreshDue } from '../cache/refresh.ts';
import { Deadline } from '../lib/deadline.ts';
import { type ErrorCode, failureKind, toDns4torError } from '../lib/errors.ts';
import type { Answer } from '../message/answer.ts';
import { RCODE } from '../message/tables.ts';
import type { AnswerSource, StaleReason } from '../metrics/metrics.ts';
import { refusalOf } from '../policy/conformance.ts';
import { minimalAnyAnswer } from '../policy/minimal-any.ts';
import { specialUseAnswer } from '../policy/special-use-names.ts';
import { shapeAnswer, shapeReply } from '../response/shape.ts';
import { cachedError, extendedErrorOf, staleError } from './extended-error.ts';
import { Forwarder, type ForwarderComponents, type ForwarderInit } from './forward.ts';
import { DROP, type Drop, type Handler, type Query } from './query.ts';

export interface PipelineInit extends ForwarderInit {
  /** Whether what is in use is refreshed shortly before it expires. */
  readonly prefetch: boolean;
}

/** RFC 8767 §5: how long a client is made to wait for a fresh answer where an expired one is at hand. */
const CLIENT_RESPONSE_MS = 1800;

/** RFC 8767 §4: the TTL of an answer that has expired. */
const STALE_TTL_SECONDS = 30;

/**
 * THE order in which a query is looked at. The first step that has an answer gives it:
 *
 *  1. Silence for what must not be answered: no header, or itself a response.
 *  2. Conformance: refused without a look at the name.
 *  3. The cache. Before the special-use names, which are never in it, because nearly every query ends here.
 *  4. What is answered here and never leaves: special-use names, and QTYPE ANY.
 *  5. Upstream, through Tor; where that takes long or fails, what the cache has that is no longer fresh.
 */
export function createPipeline(components: ForwarderComponents, init: PipelineInit): Handler {
  const { cache, clock, metrics } = components;
  const { timeoutMs, prefetch } = init;
  const forwarder = new Forwarder(components, init);

  const finish = (query: Query, reply: Uint8Array, rcode: number, source: AnswerSource): Uint8Array => {
    const { transport, family, scan, wire, arrivedAt } = query;
    metrics.answered(transport, family, scan.qtype, rcode, source, wire.length, reply.length, clock.now() - arrivedAt);
    return reply;
  };

  const refuse = (query: Query, code: ErrorCode, source: AnswerSource): Uint8Array => {
    const rcode = RCODE[failureKind(code).rcode ?? 'SERVFAIL'];
    metrics.failed(code);
    return finish(query, shapeReply(query, rcode, extendedErrorOf(code)), rcode, source);
  };

  const giveFresh = (query: Query, answer: Answer): Uint8Array =>
    finish(query, shapeAnswer(query, answer, 0), answer.rcode, 'upstream');

  const giveStale = (query: Query, { answer }: Entry, reason: StaleReason, why: string): Uint8Array => {
    metrics.servedStale(reason);
    const reply = shapeAnswer(query, answer, 0, staleError(answer, why), STALE_TTL_SECONDS);
    return finish(query, reply, answer.rcode, 'cache');
  };

  /** Keeps the promise of a {@link Handler}: even a defect costs one query its answer, and nobody else theirs. */
  const fail = (query: Query, thrown: unknown, source: AnswerSource, stale?: Entry): Uint8Array | Drop => {
    try {
      const { code } = toDns4torError(thrown);
      return stale === undefined
        ? refuse(query, code, source)
        : giveStale(query, stale, 'failed', failureKind(code).sentence);
    } catch {
      metrics.dropped('handler_failed');
      return DROP;
    }
  };

  const giveCached = (query: Query, entry: Entry, now: number): Uint8Array => {
    const { answer, failures } = entry;
    metrics.cacheHit(answer.kind !== 'data');
    if (!isFresh(entry, now)) return giveStale(query, entry, 'failed', failureKind('ERR_RECHECK').sentence);
    if (prefetch && isRefreshDue(entry, now)) void forwarder.refresh(query, entry);
    const error = failures === 0 ? answer.extendedError : cachedError(answer.extendedError);
    return finish(query, shapeAnswer(query, answer, ageSeconds(entry, now), error), answer.rcode, 'cache');
  };

  const forward = async (query: Query, stale: Entry | undefined): Promise<Uint8Array | Drop> => {
    try {
      const waitMs = stale === undefined ? timeoutMs : Math.min(CLIENT_RESPONSE_MS, timeoutMs);
      const answer = await forwarder.ask(query, new Deadline(clock, query.arrivedAt + waitMs));
      if (stale === undefined) {
        return answer === undefined ? refuse(query, 'ERR_DEADLINE', 'upstream') : giveFresh(query, answer);
      }
      if (answer === undefined) return giveStale(query, stale, 'slow', failureKind('ERR_SLOW').sentence);
      // RFC 8767 §6: an expired answer is better than a fresh failure.
      if (answer.kind === 'failure')
        return giveStale(query, stale, 'failed', failureKind('ERR_RESPONSE_FAILURE').sentence);
      return giveFresh(query, answer);
    } catch (thrown) {
      return fail(query, thrown, 'upstream', stale);
    }
  };

  const answer = (query: Query): ReturnType<Handler> => {
    const { verdict } = query.scan;
    if (verdict === 'short' || verdict === 'response') {
      metrics.dropped(verdict);
      return DROP;
    }

    const refusal = refusalOf(query);
    if (refusal !== undefined) return refuse(query, refusal, 'policy');

    const entry = cache.lookup(query);
    const now = clock.now();
    if (entry !== undefined && (isFresh(entry, now) || isResting(entry, now))) return giveCached(query, entry, now);

    const local = specialUseAnswer(query) ?? minimalAnyAnswer(query);
    if (local !== undefined) return finish(query, shapeAnswer(query, local, 0), local.rcode, 'policy');

    metrics.cacheMiss();
    return forward(query, entry);
  };

  return (query) => {
    try {
      return answer(query);
    } catch (thrown) {
      return fail(query, thrown, 'policy');
    }
  };
}
