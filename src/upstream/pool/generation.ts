import { Dns4torError, toDns4torError } from '../../failures/errors.ts';
import { UNUSABLE_RESPONSES } from '../../failures/question-failures.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Deadline } from '../../lib/deadline.ts';
import { PROBE_QUERY } from '../../message/upstream-query.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { ConnectionStatus } from '../../model/upstream-status.ts';
import { RequestRefusedError } from '../transport/session.ts';
import type { ExchangeContext } from '../upstream.ts';
import type { Breaker } from './breaker.ts';
import type { ConnectionOwner } from './connection.ts';
import { ConnectionSet, type ConnectionSetInit } from './connection-set.ts';
import { HedgedExchange, LOSSES } from './hedged-exchange.ts';
import type { LatencyModel } from './latency-estimate.ts';
import {
  type AnswerEvents,
  type ConnectionLike,
  PooledConnection,
  type PooledConnectionOwner,
} from './pooled-connection.ts';
import { Quarantine } from './quarantine.ts';
import type { RetryBudget } from './retry-budget.ts';
import { RetryState, Suspects } from './retry-state.ts';
import { WaitQueue } from './wait-queue.ts';

interface GenerationComponents {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly answerEvents?: AnswerEvents | undefined;
  /** Pays for hedges, and for retries while no connection is known to give usable answers. */
  readonly budget: RetryBudget;
  /** Shared by all generations, like the breaker. */
  readonly model: LatencyModel;
  readonly breaker: Breaker;
  /** Creates a connection with new SOCKS credentials, without opening it. */
  readonly createConnection: (breaker: Breaker, owner: ConnectionOwner) => ConnectionLike;
  /** A connection has been opened or can take more queries. */
  readonly onCapacityChange: () => void;
  /** A query was answered or has failed. */
  readonly onSettled: () => void;
}

interface GenerationInit extends ConnectionSetInit {
  /** The resolver's URL. */
  readonly address: string;
  /** The upstream's index in the configured order. */
  readonly index: number;
}

const NONE: ReadonlySet<PooledConnection> = new Set();

/** Slot under which metrics count the exchanges of the {@link Quarantine}, whose connection has no slot of its own. */
const QUARANTINE_SLOT = 0;

/** Maximum losses of one query on shared connections. After that it may only be retried in quarantine. */
const MAX_LOSSES = 2;

/**
 * Connections that are opened, used and closed together. A hedged or retried query shows the resolver that its
 * connections belong to one client. A query therefore stays in the generation in which it began, so that no resolver
 * can link one generation to the next by the queries that it sees.
 *
 * If a connection or stream is lost, the query becomes a suspect and is retried at once, on another connection if there
 * is one. After a second loss, the generation checks whether the resolver answers other queries:
 *
 * - If it does not, the path to the resolver is broken.
 * - If it does, and the suspect was alone on its connections or only its streams were reset, the query is the cause.
 * - If it does, but other queries shared a connection that ended, the suspect is retried once more in quarantine.
 */
export class Generation implements AsyncDisposable {
  readonly #components: GenerationComponents;
  readonly #init: GenerationInit;
  readonly #set: ConnectionSet;
  readonly #queue = new WaitQueue();
  readonly #suspects = new Suspects();
  readonly #quarantine: Quarantine;
  #pending = 0;
  /** Answers received so far, on all connections. */
  #answers = 0;
  /** Value of `#answers` when a lost connection with a suspect on it was last replaced without a pause. */
  #answersAtExcuse = -1;
  /** The probe in progress that checks whether the resolver answers; shared by all queries that need it. */
  #probing: Promise<unknown> | undefined;
  #isClosed = false;

  constructor(components: GenerationComponents, init: GenerationInit) {
    const { clock, metrics, breaker } = components;
    this.#components = components;
    this.#init = init;
    const createConnection = (owner: PooledConnectionOwner, slot: number): PooledConnection =>
      new PooledConnection(
        { ...components, createConnection: (connectionOwner) => components.createConnection(breaker, connectionOwner) },
        owner,
        init.index,
        slot,
      );
    this.#quarantine = new Quarantine((owner) => createConnection(owner, QUARANTINE_SLOT));
    this.#set = new ConnectionSet(
      {
        clock,
        breaker,
        createConnection,
        onCapacityChange: () => this.#sendWaiting(),
        onNoCandidate: () => this.#queue.expireHopeless(),
        onLost: (connection) => this.#suspects.has(connection) && this.#mayExcuse(),
        onReplace: (slot, cause) => metrics.reconnected(init.index, slot, cause),
      },
      init,
    );
  }

  get openConnections(): number {
    return this.#set.open.length;
  }

  /** Queries that are on a connection or wait for one. */
  get queueDepth(): number {
    return this.#queue.size + this.#quarantine.size + this.#set.inFlight;
  }

  /** Queries whose exchange has not ended. */
  get pending(): number {
    return this.#pending;
  }

  /** Number of queries so far. */
  get queries(): number {
    return this.#set.queries;
  }

  /** Number of slots with an open connection. */
  get opened(): number {
    return this.#set.slots.filter((connection) => connection?.isOpen).length;
  }

  get connections(): readonly ConnectionStatus[] {
    const state = this.#set.isOpening ? 'connecting' : 'closed';
    return this.#set.slots.map(
      (connection, slot) => connection?.status ?? { slot, state, typicalMs: undefined, inFlight: 0 },
    );
  }

  /** Opens the connections that are missing, as far as the breaker allows. */
  open(): void {
    if (this.#isClosed) return;
    this.#set.fill();
    this.#quarantine.open();
  }

  /** See {@link ConnectionSet.renew}. */
  renew(): void {
    this.#set.renew();
  }

  /** Rejects all waiting queries. */
  rejectWaiting(error: Dns4torError): void {
    this.#queue.rejectAll(error);
    this.#quarantine.rejectAll(error);
  }

  /** See {@link Upstream.exchange}. */
  async exchange(query: Uint8Array, context: ExchangeContext): Promise<Uint8Array> {
    this.#pending++;
    try {
      return await this.#exchange(query, context);
    } finally {
      this.#pending--;
      this.#components.onSettled();
    }
  }

  async #exchange(query: Uint8Array, context: ExchangeContext): Promise<Uint8Array> {
    const { deadline, onAnswer } = context;
    const state = new RetryState();
    let failure: Dns4torError | undefined;
    for (;;) {
      const { losses: lossesBefore, attempts: attemptsBefore } = state;
      try {
        const answer = await this.#whenReady(deadline, state, failure, () => this.#hedge(query, context, state));
        if (answer !== undefined) return answer;
        failure = new Dns4torError('ERR_RESPONSE_FAILURE');
      } catch (thrown) {
        failure = toDns4torError(thrown);
      }
      const isUnusable = UNUSABLE_RESPONSES.has(failure.code) || failure.code === 'ERR_RESPONSE_FAILURE';
      // If the query was not sent, there was no connection to wait for, and there is none now.
      if (!deadline.expired && !this.#isClosed && state.attempts > attemptsBefore) {
        if (failure instanceof RequestRefusedError && state.mayRetry) continue;
        if (state.losses > lossesBefore && LOSSES.has(failure.code)) {
          if (state.losses < MAX_LOSSES) continue;
          return this.#afterLosses(query, context, state, failure);
        }
        if (isUnusable && this.#mayTryOther(state)) continue;
      }
      const { refusal } = state;
      if (!isUnusable || refusal === undefined) throw failure;
      onAnswer?.({ upstream: this.#init.address, sentAt: refusal.sentAt, secondTry: refusal.isHedge });
      return refusal.response;
    }
  }

  /** Whether there is, or soon will be, a connection on which the query has not failed. */
  #mayTryOther(state: RetryState): boolean {
    if (state.isRefusalFinal || !state.mayRetry) return false;
    return this.#set.openFallback();
  }

  async #afterLosses(
    query: Uint8Array,
    context: ExchangeContext,
    state: RetryState,
    failure: Dns4torError,
  ): Promise<Uint8Array> {
    const isStalled = failure.code === 'ERR_UPSTREAM_STALLED';
    if (isStalled || !(await this.#resolverAnswers(state, context.deadline))) throw failure;
    const isCause = !state.sharedAtLoss || state.resets === state.losses;
    if (!isCause) return this.#exchangeInQuarantine(query, context);
    throw this.#blameQuery(failure);
  }

  /** Whether the resolver has answered any query since the first loss, or answers a probe now. */
  async #resolverAnswers({ answersAtLoss }: RetryState, deadline: Deadline): Promise<boolean> {
    if (this.#answers === answersAtLoss) {
      const state = new RetryState();
      this.#probing ??= this.#whenReady(deadline, state, undefined, () => this.#hedge(PROBE_QUERY, { deadline }, state))
        .catch(() => {})
        .finally(() => (this.#probing = undefined));
      await deadline.limit(this.#probing).catch(() => {});
    }
    return this.#answers > answersAtLoss;
  }

  async #exchangeInQuarantine(query: Uint8Array, { deadline, onAnswer }: ExchangeContext): Promise<Uint8Array> {
    const { clock } = this.#components;
    let sentAt = clock.now();
    try {
      const answer = await this.#quarantine.exchange(query, deadline, () => (sentAt = clock.now()));
      this.#answers++;
      onAnswer?.({ upstream: this.#init.address, sentAt, secondTry: false });
      return answer;
    } catch (thrown) {
      const error = toDns4torError(thrown);
      throw error.code === 'ERR_QUERY_DROPS_CONNECTION' ? this.#blameQuery(error) : error;
    }
  }

  /** The query caused its losses, so the path to the resolver works: tells the breaker, and returns the error. */
  #blameQuery(cause: Dns4torError): Dns4torError {
    this.#components.breaker.recordSuccess();
    return new Dns4torError('ERR_QUERY_DROPS_CONNECTION', undefined, cause);
  }

  /**
   * Whether a lost connection with a suspect on it may be replaced without a pause. Allowed once per answer, so that an
   * outage causes no storm of reconnects.
   */
  #mayExcuse(): boolean {
    if (this.#answers === this.#answersAtExcuse) return false;
    this.#answersAtExcuse = this.#answers;
    return true;
  }

  /**
   * Runs `send` as soon as a connection can take the query.
   * @param failure outcome of the attempts so far. After an unusable response, waits only for a connection that may
   *   give a usable answer.
   */
  #whenReady<T>(
    deadline: Deadline,
    state: RetryState,
    failure: Dns4torError | undefined,
    send: () => Promise<T>,
  ): Promise<T> {
    this.#set.onQuery();
    // Opens connections in the background. A query that can be sent now does not wait for them.
    this.#set.fill();
    const isUnusable = failure !== undefined && !LOSSES.has(failure.code);
    const canSend = (): boolean => (isUnusable ? this.#set.hasPromising(state.failedOn) : this.#set.hasCapacity);
    if (canSend()) return send();
    const rejection = this.#components.breaker.openReason ?? this.#set.retryAfterError();
    if (rejection !== undefined) return Promise.reject(failure ?? rejection);
    // Without a failure, the query was never sent: the error names the path to the resolver as the cause.
    const expired = (): Dns4torError =>
      failure ?? new Dns4torError(this.openConnections > 0 ? 'ERR_QUEUE_FULL' : 'ERR_TOR_TIMEOUT');
    const isHopeless = (): boolean => isUnusable && !canSend() && !this.#set.isOpening;
    return this.#queue.wait({ deadline, expired, canSend, isHopeless, send });
  }

  #sendWaiting(): void {
    if (this.#isClosed) return;
    if (this.#queue.size > 0) {
      this.#queue.sendReady(() => this.#set.hasCapacity);
      if (this.#queue.size > 0) this.#set.fill();
    }
    this.#components.onCapacityChange();
  }

  #hedge(
    query: Uint8Array,
    { deadline, onAnswer }: ExchangeContext,
    state: RetryState,
  ): Promise<Uint8Array | undefined> {
    const { clock, metrics, budget } = this.#components;
    const { address, index } = this.#init;
    const set = this.#set;
    const exchange = new HedgedExchange(
      {
        clock,
        set,
        budget,
        suspects: this.#suspects,
        answers: () => this.#answers,
        onHedge: (slot, event) => metrics.hedged(index, slot, event),
        onAnswer: (sentAt, isHedge) => onAnswer?.({ upstream: address, sentAt, secondTry: isHedge }),
        onAnyAnswer: () => this.#answers++,
      },
      query,
      deadline,
      state,
    );
    return exchange.run((set.best(state.failedOn) ?? set.best(NONE)) as PooledConnection);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.rejectWaiting(new Dns4torError('ERR_SHUTDOWN'));
    await Promise.all([this.#quarantine[Symbol.asyncDispose](), this.#set[Symbol.asyncDispose]()]);
  }
}
