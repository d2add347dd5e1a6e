import type { Cache } from '../cache/cache.ts';
import type { Clock } from '../lib/clock.ts';
import { type ErrorCode, failureKind, toDns4torError } from '../lib/errors.ts';
import { RCODE } from '../message/tables.ts';
import type { AnswerSource, Metrics } from '../metrics/metrics.ts';
import { refusalOf } from '../policy/conformance.ts';
import { minimalAnyAnswer } from '../policy/minimal-any.ts';
import { specialUseAnswer } from '../policy/special-use-names.ts';
import { shapeAnswer, shapeReply } from '../response/shape.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { cachedError, extendedErrorOf } from './extended-error.ts';
import { Forwarder, type ForwarderInit } from './forward.ts';
import { DROP, type Drop, type Handler, type Query } from './query.ts';

export interface PipelineComponents {
  readonly cache: Cache;
  readonly upstream: Upstream;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/**
 * THE order in which a query is looked at. The first step that has an answer gives it:
 *
 *  1. Silence for what must not be answered: no header, or itself a response.
 *  2. Conformance: refused without a look at the name.
 *  3. The cache. Before the special-use names, which are never in it, because nearly every query ends here.
 *  4. What is answered here and never leaves: special-use names, and QTYPE ANY.
 *  5. Upstream, through Tor.
 */
export function createPipeline(components: PipelineComponents, init: ForwarderInit): Handler {
  const { cache, clock, metrics } = components;
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

  /** Keeps the promise of a {@link Handler}: even a defect costs one query its answer, and nobody else theirs. */
  const fail = (query: Query, thrown: unknown, source: AnswerSource): Uint8Array | Drop => {
    try {
      return refuse(query, toDns4torError(thrown).code, source);
    } catch {
      metrics.dropped('handler_failed');
      return DROP;
    }
  };

  const forward = async (query: Query): Promise<Uint8Array | Drop> => {
    try {
      const answer = await forwarder.ask(query);
      return finish(query, shapeAnswer(query, answer, 0), answer.rcode, 'upstream');
    } catch (thrown) {
      return fail(query, thrown, 'upstream');
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
    if (entry !== undefined) {
      metrics.cacheHit(entry.answer.kind !== 'data');
      const error = entry.failures === 0 ? entry.answer.extendedError : cachedError(entry.answer.extendedError);
      const reply = shapeAnswer(query, entry.answer, cache.ageSeconds(entry), error);
      return finish(query, reply, entry.answer.rcode, 'cache');
    }

    const local = specialUseAnswer(query) ?? minimalAnyAnswer(query);
    if (local !== undefined) return finish(query, shapeAnswer(query, local, 0), local.rcode, 'policy');

    metrics.cacheMiss();
    return forward(query);
  };

  return (query) => {
    try {
      return answer(query);
    } catch (thrown) {
      return fail(query, thrown, 'policy');
    }
  };
}
