import type { Cache } from '../cache/cache.ts';
import type { Clock } from '../lib/clock.ts';
import { Deadline } from '../lib/deadline.ts';
import { Dns4torError, type ErrorCode, toDns4torError } from '../lib/errors.ts';
import { type Answer, parseAnswer } from '../message/answer.ts';
import { FLAG, flagsOf, HEADER_BYTES } from '../message/header.ts';
import { octetString } from '../message/name.ts';
import { RCODE } from '../message/tables.ts';
import { buildUpstreamQuery } from '../message/upstream-query.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { buildLocalAnswer, NO_RECORDS } from '../policy/local-answer.ts';
import type { ExtraBudget } from '../upstream/extra-budget.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { Admission, type AdmissionInit } from './admission.ts';
import { extendedErrorOf } from './extended-error.ts';
import { Pending } from './pending.ts';
import type { Query } from './query.ts';

export interface ForwarderComponents {
  readonly cache: Cache;
  readonly upstream: Upstream;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** What second tries and refreshes are paid from, and questions of clients pay into. */
  readonly budget: ExtraBudget;
  /** Names the client whose query it is, where clients are kept apart; absent: they are not, and share what goes upstream. */
  readonly clientOf?: (query: Query) => Promise<string>;
}

export interface ForwarderInit extends AdmissionInit {
  /** How long a client is let wait, from the arrival of its query, in milliseconds. */
  readonly timeoutMs: number;
}

/**
 * Failures that are about the question and not about the way to the resolver: the resolver was asked, and asking again at once would
 * most likely fail again (RFC 9520 §2). A way that is broken has a pause of its own before it is tried again, for all questions.
 */
const OF_THE_QUESTION: ReadonlySet<ErrorCode> = new Set([
  'ERR_DEADLINE',
  'ERR_DOH_STATUS',
  'ERR_DOH_CONTENT_TYPE',
  'ERR_DOH_BODY_SIZE',
  'ERR_RESPONSE_MALFORMED',
  'ERR_RESPONSE_MISMATCH',
  'ERR_RESPONSE_CHAIN',
]);

/** Asks upstream what neither policy nor cache can answer, once for all that ask the same, and keeps what comes of it. */
export class Forwarder {
  readonly #components: ForwarderComponents;
  readonly #timeoutMs: number;
  readonly #admission: Admission;
  readonly #pending = new Pending<Answer>();

  constructor(components: ForwarderComponents, init: ForwarderInit) {
    this.#components = components;
    this.#timeoutMs = init.timeoutMs;
    this.#admission = new Admission(init);
  }

  /** Rejects with a Dns4torError, at the latest when the client's deadline has passed. */
  async ask(query: Query): Promise<Answer> {
    const { clientOf } = this.#components;
    const refusal = this.#admission.enter(query.client);
    if (refusal !== undefined) throw new Dns4torError(refusal);
    try {
      return await this.#join(query, clientOf && (await clientOf(query)));
    } finally {
      this.#admission.leave(query.client);
    }
  }

  #join(query: Query, client: string | undefined): Promise<Answer> {
    const wire = buildUpstreamQuery(
      query.wire.subarray(HEADER_BYTES, query.scan.questionEnd),
      query.scan.dnssecOk,
      (flagsOf(query.wire) & FLAG.CD) !== 0,
    );
    // What is sent says all that the answer depends on, and is the same bytes for the same question.
    const question = octetString(wire);
    const key = client === undefined ? question : `${client} ${question}`;
    const underWay = this.#pending.get(key);
    if (underWay === undefined) return this.#pending.start(key, () => this.#exchange(query, wire, client));
    // Whoever joins came later and so has the later deadline: the flight ends before it.
    this.#components.metrics.coalesced();
    return underWay;
  }

  async #exchange(query: Query, wire: Uint8Array, client: string | undefined): Promise<Answer> {
    const { cache, clock, upstream, budget } = this.#components;
    budget.earn();
    const deadline = new Deadline(clock, query.arrivedAt + this.#timeoutMs);
    try {
      const answer = explained(parseAnswer(await upstream.exchange(wire, deadline, client)));
      if (answer.kind === 'failure') cache.insertFailure(query, answer);
      else cache.insert(query, answer);
      return answer;
    } catch (thrown) {
      const { code } = toDns4torError(thrown);
      if (OF_THE_QUESTION.has(code)) {
        const failure = buildLocalAnswer(query, RCODE.SERVFAIL, NO_RECORDS);
        cache.insertFailure(query, { ...failure, extendedError: extendedErrorOf(code) });
      }
      throw thrown;
    }
  }
}

/** RFC 8914: a failure without a reason gets the one that is known here. */
function explained(answer: Answer): Answer {
  if (answer.kind !== 'failure' || answer.extendedError !== undefined) return answer;
  return { ...answer, extendedError: extendedErrorOf('ERR_RESPONSE_FAILURE') };
}
