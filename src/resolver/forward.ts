import type { Cache } from '../cache/cache.ts';
import type { Entry } from '../cache/entry.ts';
import { refreshBegun } from '../cache/refresh.ts';
import { clientGroup } from '../model/client-group.ts';
import type { Clock } from '../lib/clock.ts';
import { Deadline } from '../lib/deadline.ts';
import { Dns4torError, toDns4torError } from '../failures/errors.ts';
import { NO_DNS_ANSWER, OF_THE_QUESTION } from '../failures/question-failures.ts';
import { type Answer, parseAnswer } from '../message/answer/answer.ts';
import { FLAG, flagsOf, HEADER_BYTES } from '../message/wire/header.ts';
import { octetString } from '../message/wire/name.ts';
import { RCODE } from '../message/wire/tables.ts';
import { buildUpstreamQuery } from '../message/upstream-query.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { buildLocalAnswer, NO_RECORDS } from '../policy/local-answer.ts';
import type { ExtraBudget } from '../upstream/pool/extra-budget.ts';
import type { AnswerPath, Upstream } from '../upstream/upstream.ts';
import { Admission, type AdmissionInit } from './admission.ts';
import { Departures } from './departures.ts';
import { extendedErrorOf } from './extended-error.ts';
import type { Flight } from './flight.ts';
import { Pending } from './pending.ts';
import type { Query } from '../model/query.ts';

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
  /**
   * Maximum questions that the upstream carries at a time, as far as known now. Others wait for their turn.
   * @default unbounded
   */
  readonly capacity?: () => number;
  /** How long a client is let wait, from the arrival of its query, in milliseconds. */
  readonly timeoutMs: number;
}

/**
 * Within this time 99 of 100 answers of the onion path have come (9.1 s, published). A question is asked for this much longer than its
 * client waits: an answer that comes late is there when the client tries again. And what has not come by then is most likely lost: a
 * question that was last sent so long ago is sent once more when a client asks it again.
 */
const USUAL_MS = 10_000;

/** The same once a client has waited for it in vain: after an outage the question is sent again within five seconds. */
const AGAIN_MS = 4000;

/** What came of asking. */
export interface Forwarded {
  readonly answer: Answer;
  /** How it came; undefined where the upstream does not say. */
  readonly path: AnswerPath | undefined;
}

/** Asks upstream what neither policy nor cache can answer, once for all that ask the same, and keeps what comes of it. */
export class Forwarder {
  readonly #components: ForwarderComponents;
  readonly #timeoutMs: number;
  readonly #admission: Admission;
  readonly #pending: Pending<Forwarded>;
  readonly #departures: Departures<Flight<Forwarded>>;

  constructor(components: ForwarderComponents, init: ForwarderInit) {
    this.#components = components;
    this.#timeoutMs = init.timeoutMs;
    this.#admission = new Admission(init);
    // As many as there can be clients that wait, so that one which nobody waits for never stands in the way of one which somebody does.
    this.#pending = new Pending(init.maxInFlight, (flight) => this.#departures.ended(flight));
    this.#departures = new Departures(components.clock, { capacity: init.capacity ?? ((): number => Infinity) });
  }

  /**
   * The result of asking upstream, or undefined if the deadline passes first. The exchange then goes on, and may still
   * fill the cache.
   * Rejects with a Dns4torError: with ERR_IN_FLIGHT_CLIENT also if the query waited and had to give way.
   */
  async ask(query: Query, deadline: Deadline): Promise<Forwarded | undefined> {
    const { clientOf, metrics } = this.#components;
    const gaveWay = new AbortController();
    const group = clientGroup(query.client);
    const place = this.#admission.enter(group, () => gaveWay.abort());
    if (typeof place === 'string') {
      metrics.notAdmitted(place === 'ERR_IN_FLIGHT' ? 'all' : 'client');
      throw new Dns4torError(place);
    }
    try {
      const client = clientOf && (await clientOf(query));
      // Otherwise a question would be sent that no client waits for.
      if (!gaveWay.signal.aborted) {
        const forwarded = await this.#flightFor(query, group, client).wait(deadline, gaveWay.signal);
        if (forwarded !== undefined || !gaveWay.signal.aborted) return forwarded;
      }
      throw new Dns4torError('ERR_IN_FLIGHT_CLIENT');
    } catch (thrown) {
      if (toDns4torError(thrown).code === 'ERR_IN_FLIGHT_CLIENT') metrics.notAdmitted('client');
      throw thrown;
    } finally {
      this.#admission.leave(place);
    }
  }

  /**
   * Asks for what the cache has and soon will have no longer, if the budget allows. Nobody waits for it, but a client that has to ask the
   * same meanwhile joins. Never rejects.
   */
  async refresh(query: Query, entry: Entry): Promise<void> {
    const { budget, cache, clientOf, metrics } = this.#components;
    if (this.#pending.full || this.#departures.full || !budget.spend()) return;
    refreshBegun(entry);
    // Leak mutation: prefetch
    metrics.prefetched('sent');
    try {
      const client = clientOf && (await clientOf(query));
      const { wire, key } = upstreamQuestion(query, client);
      const flight = this.#pending.get(key) ?? this.#pending.open(key);
      const { answer } = await this.#attempt(flight, query, wire, client, (fresh) => {
        if (flight.awaited) metrics.prefetched('useful');
        cache.insert(query, fresh, !flight.awaited);
      });
      metrics.prefetched(answer.kind === 'failure' ? 'failed' : 'answered');
    } catch {
      metrics.prefetched('failed');
    }
  }

  #flightFor(query: Query, group: string, client: string | undefined): Flight<Forwarded> {
    const { cache, clock, budget, metrics } = this.#components;
    const { wire, key } = upstreamQuestion(query, client);
    const underWay = this.#pending.get(key);
    const isWaiting = underWay !== undefined && this.#departures.isWaiting(underWay);
    const joinMs = underWay?.disappointed === true ? AGAIN_MS : USUAL_MS;
    if (underWay !== undefined && (isWaiting || clock.now() - underWay.lastAttemptAt < joinMs)) {
      metrics.coalesced();
      this.#departures.join(group, underWay);
      return underWay;
    }
    budget.earn();
    const flight = underWay ?? this.#pending.open(key);
    const attempt = (): void =>
      void this.#attempt(flight, query, wire, client, (answer) => cache.insert(query, answer));
    if (underWay === undefined) this.#departures.enter(group, flight, attempt);
    else attempt();
    return flight;
  }

  #attempt(
    flight: Flight<Forwarded>,
    query: Query,
    wire: Uint8Array,
    client: string | undefined,
    keep: (answer: Answer) => void,
  ): Promise<Forwarded> {
    const { clock } = this.#components;
    const deadline = new Deadline(clock, query.arrivedAt + this.#timeoutMs + USUAL_MS, flight.signal);
    const attempt = this.#exchange(query, wire, deadline, client, keep);
    flight.attempt(attempt, clock.now());
    return attempt;
  }

  async #exchange(
    query: Query,
    wire: Uint8Array,
    deadline: Deadline,
    client: string | undefined,
    keep: (answer: Answer) => void,
  ): Promise<Forwarded> {
    const { cache, upstream } = this.#components;
    // Leak mutation: exchange
    let path: AnswerPath | undefined;
    try {
      const response = await upstream.exchange(wire, { deadline, client, onAnswer: (how) => (path = how) });
      const answer = explained(parseAnswer(response));
      if (answer.kind === 'failure') cache.insertFailure(query, answer);
      else keep(answer);
      return { answer, path };
    } catch (thrown) {
      // Leak mutation: failure
      const { code } = toDns4torError(thrown);
      if (OF_THE_QUESTION.has(code)) {
        const failure = buildLocalAnswer(query, RCODE.SERVFAIL, NO_RECORDS);
        const answer = { ...failure, extendedError: extendedErrorOf(code) };
        // RFC 8484 §4.2.1: a status other than 2xx says nothing about the name, so it is not cached under it.
        if (NO_DNS_ANSWER.has(code)) cache.countFailure(query, answer);
        else cache.insertFailure(query, answer);
      }
      throw thrown;
    }
  }
}

/** What is sent, and the key under which who asks the same joins. */
function upstreamQuestion(
  { wire, scan }: Query,
  client: string | undefined,
): { readonly wire: Uint8Array; readonly key: string } {
  const question = wire.subarray(HEADER_BYTES, scan.questionEnd);
  const sent = buildUpstreamQuery(question, scan.dnssecOk, (flagsOf(wire) & FLAG.CD) !== 0);
  // Leak mutation: upstream query
  // What is sent says all that the answer depends on, and is the same bytes for the same question.
  const key = octetString(sent);
  return { wire: sent, key: client === undefined ? key : `${client} ${key}` };
}

/** RFC 8914: a failure without a reason gets the one that is known here. */
function explained(answer: Answer): Answer {
  if (answer.kind !== 'failure' || answer.extendedError !== undefined) return answer;
  return { ...answer, extendedError: extendedErrorOf('ERR_RESPONSE_FAILURE') };
}
