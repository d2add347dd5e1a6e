import type { Cache } from '../cache/cache.ts';
import type { Entry } from '../cache/entry.ts';
import { markRefreshStarted } from '../cache/refresh.ts';
import { Dns4torError, toDns4torError } from '../failures/errors.ts';
import { NO_DNS_ANSWER, OF_THE_QUESTION } from '../failures/question-failures.ts';
import type { Clock } from '../lib/clock.ts';
import { Deadline } from '../lib/deadline.ts';
import { type Answer, parseAnswer } from '../message/answer/answer.ts';
import { buildUpstreamQuery } from '../message/upstream-query.ts';
import { FLAG, flagsOf, HEADER_BYTES } from '../message/wire/header.ts';
import { octetString } from '../message/wire/name.ts';
import { RCODE } from '../message/wire/tables.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { clientGroup } from '../model/client-group.ts';
import type { Query } from '../model/query.ts';
import { P99_RESPONSE_MS } from '../model/response-time.ts';
import { buildLocalAnswer, NO_RECORDS } from '../policy/local-answer.ts';
import type { Policy } from '../policy/policy.ts';
import type { RetryBudget } from '../upstream/pool/retry-budget.ts';
import type { AnswerPath, Upstream } from '../upstream/upstream.ts';
import { Admission, type AdmissionInit } from './admission.ts';
import { Coalescer, type SharedQuestion } from './coalescer.ts';
import { extendedErrorOf } from './extended-error.ts';
import { FairQueue } from './fair-queue.ts';

/** What a {@link Forwarder} needs from the rest of the program. */
export interface ForwarderComponents {
  readonly cache: Cache;
  readonly upstream: Upstream;
  /**
   * Whether an upstream query goes to a server on the local network. It then waits for no place on Tor's circuits, so
   * local names are answered while Tor is overloaded or down.
   * @default none does
   */
  readonly isRouted?: (query: Uint8Array) => boolean;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** The policy in force, read for each query: a reload replaces it. */
  readonly policy: () => Policy;
  /** Pays for refreshes and hedged queries. Each question that a client causes adds to it. */
  readonly budget: RetryBudget;
  /** Identifies the client for stream isolation. Absent: clients share circuits and upstream questions. */
  readonly clientOf?: (query: Query) => Promise<string>;
}

/** Deadline and limits of a {@link Forwarder}. */
export interface ForwarderInit extends AdmissionInit {
  /**
   * Maximum questions that the upstream can have in flight, as known now. Further questions wait.
   * @default unbounded
   */
  readonly capacity?: () => number;
  /** How long a client waits for an answer, from the arrival of its query, in milliseconds. */
  readonly timeoutMs: number;
}

/**
 * An attempt outlives its client's timeout by this much, so that a late answer is in the cache when the client tries
 * again. An attempt without an answer for so long is most likely lost: the next client with the same question sends it
 * again.
 */
const LATE_ANSWER_MS: number = P99_RESPONSE_MS;

/**
 * Replaces {@link LATE_ANSWER_MS} once a client has timed out: after an outage, a question is sent again within 5 s.
 */
const RESEND_AFTER_TIMEOUT_MS = 4000;

/** An answer from upstream. */
export interface Forwarded {
  readonly answer: Answer;
  /** Undefined if the upstream does not report it. */
  readonly path: AnswerPath | undefined;
}

/** What is sent upstream for a query. */
interface Outgoing {
  readonly query: Query;
  readonly wire: Uint8Array;
  /** Equal for queries that can share an answer. */
  readonly key: string;
  readonly client: string | undefined;
}

/**
 * Sends upstream what neither policy nor cache can answer, and caches the answers. Identical questions are sent once.
 * Each query passes these stages: admission, coalescing, fair queueing, exchange, cache.
 */
export class Forwarder {
  readonly #components: ForwarderComponents;
  readonly #init: ForwarderInit;
  readonly #admission: Admission;
  readonly #coalescer: Coalescer<Forwarded>;
  readonly #queue: FairQueue<SharedQuestion<Forwarded>>;

  constructor(components: ForwarderComponents, init: ForwarderInit) {
    this.#components = components;
    this.#init = init;
    this.#admission = new Admission(init);
    // With room for every query that may wait, a question without a waiting client never blocks one with.
    this.#coalescer = new Coalescer(init.maxInFlight, (question) => this.#queue.remove(question));
    this.#queue = new FairQueue(components.clock, { capacity: init.capacity ?? ((): number => Infinity) });
  }

  /**
   * Asks upstream. Resolves with undefined if the deadline passes first; the exchange then continues and can still fill
   * the cache. Rejects with a Dns4torError: ERR_IN_FLIGHT or ERR_IN_FLIGHT_CLIENT if the query is not admitted or is
   * preempted while it waits, otherwise the failure of the exchange.
   */
  async forward(query: Query, deadline: Deadline): Promise<Forwarded | undefined> {
    const { metrics } = this.#components;
    const preempted = new AbortController();
    const group = clientGroup(query.client);
    const slot = this.#admission.admit(group, () => preempted.abort());
    if (typeof slot === 'string') {
      metrics.notAdmitted(slot === 'ERR_IN_FLIGHT' ? 'all' : 'client');
      throw new Dns4torError(slot);
    }
    try {
      const prepared = this.#prepare(query);
      const outgoing = prepared instanceof Promise ? await prepared : prepared;
      // If it was preempted meanwhile, no client would wait for the question.
      if (!preempted.signal.aborted) {
        const question = this.#shareQuestion(outgoing, group);
        const forwarded = await question.wait(deadline, preempted.signal);
        if (forwarded !== undefined || !preempted.signal.aborted) return forwarded;
      }
      throw new Dns4torError('ERR_IN_FLIGHT_CLIENT');
    } catch (thrown) {
      if (toDns4torError(thrown).code === 'ERR_IN_FLIGHT_CLIENT') metrics.notAdmitted('client');
      throw thrown;
    } finally {
      this.#admission.release(slot);
    }
  }

  /**
   * Refreshes a cache entry that is about to expire, if the budget allows. No client waits for the answer, but one with
   * the same question can join. Never rejects.
   */
  async refresh(query: Query, entry: Entry): Promise<void> {
    const { budget, cache, metrics } = this.#components;
    if (this.#coalescer.isFull || this.#queue.isFull || !budget.spend()) return;
    markRefreshStarted(entry);
    // Leak mutation: prefetch
    metrics.prefetched('sent');
    try {
      const prepared = this.#prepare(query);
      const outgoing = prepared instanceof Promise ? await prepared : prepared;
      const question = this.#coalescer.get(outgoing.key) ?? this.#coalescer.start(outgoing.key);
      const { answer } = await this.#attempt(question, outgoing, (fresh) => {
        if (question.isAwaited) metrics.prefetched('useful');
        cache.insert(query, fresh, !question.isAwaited);
      });
      metrics.prefetched(answer.kind === 'failure' ? 'failed' : 'answered');
    } catch {
      metrics.prefetched('failed');
    }
  }

  /** What to send for a query. The servers of routes are not told apart by client: there are no circuits to isolate. */
  #prepare(query: Query): Outgoing | Promise<Outgoing> {
    const { clientOf, isRouted } = this.#components;
    const shared = outgoingFor(query);
    if (clientOf === undefined || isRouted?.(shared.wire) === true) return shared;
    return clientOf(query).then((client) => isolated(shared, client));
  }

  /** Joins the same question in progress, or sends it. Sends it again if its last attempt is most likely lost. */
  #shareQuestion(outgoing: Outgoing, group: string): SharedQuestion<Forwarded> {
    const { cache, clock, budget, metrics, isRouted } = this.#components;
    const inProgress = this.#coalescer.get(outgoing.key);
    if (inProgress !== undefined) {
      const resendAfterMs = inProgress.hasTimedOut ? RESEND_AFTER_TIMEOUT_MS : LATE_ANSWER_MS;
      if (this.#queue.isWaiting(inProgress) || clock.now() - inProgress.lastAttemptAt < resendAfterMs) {
        metrics.coalesced();
        this.#queue.join(group, inProgress);
        return inProgress;
      }
    }
    budget.earn();
    const question = inProgress ?? this.#coalescer.start(outgoing.key);
    const send = (): void => void this.#attempt(question, outgoing, (answer) => cache.insert(outgoing.query, answer));
    const isQueued = inProgress === undefined && isRouted?.(outgoing.wire) !== true;
    if (isQueued) this.#queue.enqueue(group, question, send);
    else send();
    return question;
  }

  /** @param store puts an answer that is no failure into the cache */
  #attempt(
    question: SharedQuestion<Forwarded>,
    outgoing: Outgoing,
    store: (answer: Answer) => void,
  ): Promise<Forwarded> {
    const { clock } = this.#components;
    const atMs = outgoing.query.arrivedAt + this.#init.timeoutMs + LATE_ANSWER_MS;
    const attempt = this.#exchange(outgoing, new Deadline(clock, atMs, question.signal), store);
    question.attempt(attempt, clock.now());
    return attempt;
  }

  async #exchange(
    { query, wire, client }: Outgoing,
    deadline: Deadline,
    store: (answer: Answer) => void,
  ): Promise<Forwarded> {
    const { cache, policy, upstream } = this.#components;
    // Leak mutation: exchange
    let path: AnswerPath | undefined;
    const asked = policy();
    try {
      const response = await upstream.exchange(wire, { deadline, client, onAnswer: (how) => (path = how) });
      const current = policy();
      const answer = current.review(explained(parseAnswer(response)));
      // After a reload, another server may be the right one for this name.
      if (current !== asked) return { answer, path };
      if (answer.kind === 'failure') cache.insertFailure(query, answer, 'ERR_RESPONSE_FAILURE');
      else store(answer);
      return { answer, path };
    } catch (thrown) {
      // Leak mutation: failure
      const { code } = toDns4torError(thrown);
      if (OF_THE_QUESTION.has(code)) {
        const failure = buildLocalAnswer(query, RCODE.SERVFAIL, NO_RECORDS);
        const answer = { ...failure, extendedError: extendedErrorOf(code) };
        // RFC 8484 §4.2.1: a status other than 2xx says nothing about the name, so it is not cached under it.
        if (NO_DNS_ANSWER.has(code)) cache.countFailure(query, answer, code);
        else cache.insertFailure(query, answer, code);
      }
      throw thrown;
    }
  }
}

function outgoingFor(query: Query): Outgoing {
  const { wire, scan } = query;
  const question = wire.subarray(HEADER_BYTES, scan.questionEnd);
  const sent = buildUpstreamQuery(question, scan.dnssecOk, (flagsOf(wire) & FLAG.CD) !== 0);
  // Leak mutation: upstream query
  // The bytes sent are the same for the same question and contain all that the answer depends on.
  return { query, wire: sent, key: octetString(sent), client: undefined };
}

/** Keeps the questions of isolated clients apart. */
function isolated(outgoing: Outgoing, client: string): Outgoing {
  return { ...outgoing, key: `${client} ${outgoing.key}`, client };
}

/** Adds an extended error to a failure that came without one (RFC 8914). */
function explained(answer: Answer): Answer {
  if (answer.kind !== 'failure' || answer.extendedError !== undefined) return answer;
  return { ...answer, extendedError: extendedErrorOf('ERR_RESPONSE_FAILURE') };
}
