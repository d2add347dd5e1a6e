import type { ConnectionStatus } from '../../model/upstream-status.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Deadline } from '../../lib/deadline.ts';
import { Dns4torError, toDns4torError } from '../../failures/errors.ts';
import { UNUSABLE_RESPONSES } from '../../failures/question-failures.ts';
import { PROBE_QUERY } from '../../message/upstream-query.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import { Quarantine } from './quarantine.ts';
import type { Breaker } from './breaker.ts';
import {
  type AnswerEvents,
  PooledConnection,
  type ConnectionLike,
  type PooledConnectionOwner,
} from './pooled-connection.ts';
import { ConnectionSet, type ConnectionSetInit } from './connection-set.ts';
import type { ConnectionOwner } from './connection.ts';
import type { RetryBudget } from './retry-budget.ts';
import type { LatencyModel } from './latency-estimate.ts';
import { RetryState, Suspects } from './retry-state.ts';
import { LOSSES, HedgedExchange } from './hedged-exchange.ts';
import { RequestRefusedError } from '../transport/session.ts';
import type { ExchangeContext } from '../upstream.ts';
import { WaitQueue } from './wait-queue.ts';

export interface GenerationComponents {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly answerEvents?: AnswerEvents | undefined;
  /** Pays for hedges, and for retries while no circuit is known to work. */
  readonly budget: RetryBudget;
  /** Shared with the other generations, like the breaker. */
  readonly model: LatencyModel;
  readonly breaker: Breaker;
  /** Creates a connection with new SOCKS credentials, without opening it. */
  readonly createConnection: (breaker: Breaker, owner: ConnectionOwner) => ConnectionLike;
  /** A circuit has been opened or has more room. */
  readonly onChange: () => void;
  /** A query was answered or has failed. */
  readonly onSettled: () => void;
}

export interface GenerationInit extends ConnectionSetInit {
  /** The resolver's URL. */
  readonly address: string;
  /** Its place in the configured order. */
  readonly index: number;
}

const NONE: ReadonlySet<PooledConnection> = new Set();

/** Slot under which metrics count the exchanges of the {@link Quarantine}, whose connection has no slot of its own. */
const APART_SLOT = 0;

/** Maximum losses of one query on shared connections. After that it may only be retried on a dedicated connection. */
const MAX_LOSSES = 2;

/**
 * Circuits that are opened, used and closed together. A hedged query shows the resolver that its circuits belong to one
 * client, so a query stays in the generation in which it began: no resolver can link one generation to the next by the
 * queries that it sees.
 *
 * If a connection or stream is lost, the query is retried at once as a suspect, on another circuit if there is one.
 * After a second loss, the generation checks that the resolver answers other queries. If not, the path is broken. If it
 * does, and the suspect was alone on its connections or only its streams were reset, the query is to blame. If other
 * queries shared a connection that ended, the suspect is retried once more on a dedicated connection.
 */
export class Generation implements AsyncDisposable {
  readonly #components: GenerationComponents;
  readonly #init: GenerationInit;
  readonly #set: ConnectionSet;
  readonly #waitingRoom = new WaitQueue();
  readonly #suspects = new Suspects();
  readonly #apart: Quarantine;
  #pending = 0;
  /** Answers received so far, on all circuits. */
  #answers = 0;
  /** Value of `#answers` when a connection with a suspect on it was last replaced without a pause. */
  #answersAtExcuse = -1;
  /** The running check whether the resolver answers at all; shared by all queries that need it. */
  #proof: Promise<unknown> | undefined;
  #closed = false;

  constructor(components: GenerationComponents, init: GenerationInit) {
    const { clock, metrics, breaker, createConnection } = components;
    this.#components = components;
    this.#init = init;
    const createCircuit = (owner: PooledConnectionOwner, slot: number): PooledConnection =>
      new PooledConnection(
        { ...components, createConnection: (connectionOwner) => createConnection(breaker, connectionOwner) },
        owner,
        init.index,
        slot,
      );
    this.#apart = new Quarantine((owner) => createCircuit(owner, APART_SLOT));
    this.#set = new ConnectionSet(
      {
        clock,
        breaker,
        createCircuit,
        onChange: () => this.#admitWaiting(),
        onNoCandidate: () => this.#waitingRoom.expireVain(),
        onLost: (circuit) => this.#suspects.has(circuit) && this.#mayExcuse(),
        onReplace: (slot, cause) => metrics.reconnected(init.index, slot, cause),
      },
      init,
    );
  }

  get openConnections(): number {
    return this.#set.open.length;
  }

  /** Queries that wait for a connection or are on one. */
  get queueDepth(): number {
    return this.#waitingRoom.size + this.#apart.size + this.#set.inFlight;
  }

  /** Queries whose exchange has not ended. */
  get pending(): number {
    return this.#pending;
  }

  /** Queries sent so far. */
  get queries(): number {
    return this.#set.queries;
  }

  /** Circuits in use. */
  get opened(): number {
    return this.#set.slots.filter((circuit) => circuit?.isOpen).length;
  }

  get connections(): readonly ConnectionStatus[] {
    const state = this.#set.isOpening ? 'connecting' : 'closed';
    return this.#set.slots.map(
      (circuit, slot) => circuit?.status ?? { slot, state, typicalMs: undefined, inFlight: 0 },
    );
  }

  /** As {@link ConnectionSet.fill}. */
  open(): void {
    if (this.#closed) return;
    this.#set.fill();
    this.#apart.open();
  }

  /** As {@link ConnectionSet.renew}. */
  renew(): void {
    this.#set.renew();
  }

  /** Rejects all waiting queries with `error`. */
  refuse(error: Dns4torError): void {
    this.#waitingRoom.refuse(error);
    this.#apart.refuse(error);
  }

  /** As {@link Upstream.exchange}. */
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
    const history = new RetryState();
    let failure: Dns4torError | undefined;
    for (;;) {
      const { losses: lossesBefore, attempts: attemptsBefore } = history;
      try {
        const answer = await this.#admitted(deadline, history, failure, () => this.#race(query, context, history));
        if (answer !== undefined) return answer;
        failure = new Dns4torError('ERR_RESPONSE_FAILURE');
      } catch (thrown) {
        failure = toDns4torError(thrown);
      }
      const isTurnedAway = UNUSABLE_RESPONSES.has(failure.code) || failure.code === 'ERR_RESPONSE_FAILURE';
      // Without an attempt nothing has changed: there is no circuit to wait for.
      if (!deadline.expired && !this.#closed && history.attempts > attemptsBefore) {
        if (failure instanceof RequestRefusedError && history.mayRetry) continue;
        if (history.losses > lossesBefore && LOSSES.has(failure.code)) {
          if (history.losses < MAX_LOSSES) continue;
          return this.#afterLosses(query, context, history, failure);
        }
        if (isTurnedAway && this.#mayTryOther(history)) continue;
      }
      const { refusal } = history;
      if (!isTurnedAway || refusal === undefined) throw failure;
      onAnswer?.({ upstream: this.#init.address, sentAt: refusal.sentAt, secondTry: refusal.isHedge });
      return refusal.response;
    }
  }

  /** Whether there is, or soon will be, a circuit on which the query has not failed. */
  #mayTryOther(history: RetryState): boolean {
    if (history.isConclusive || !history.mayRetry) return false;
    return this.#set.openAnother();
  }

  async #afterLosses(
    query: Uint8Array,
    context: ExchangeContext,
    history: RetryState,
    failure: Dns4torError,
  ): Promise<Uint8Array> {
    const isStalled = failure.code === 'ERR_UPSTREAM_STALLED';
    if (isStalled || !(await this.#answersOthers(history, context.deadline))) throw failure;
    const isAlone = !history.accompanied || history.resets === history.losses;
    if (!isAlone) return this.#askApart(query, context);
    throw this.#blame(failure);
  }

  /**
   * Whether the resolver has answered any query since the first loss, or answers a probe now. If not, the path is
   * broken for all queries.
   */
  async #answersOthers({ answersAtLoss }: RetryState, deadline: Deadline): Promise<boolean> {
    if (this.#answers === answersAtLoss) {
      const history = new RetryState();
      this.#proof ??= this.#admitted(deadline, history, undefined, () => this.#race(PROBE_QUERY, { deadline }, history))
        .catch(() => {})
        .finally(() => (this.#proof = undefined));
      await deadline.limit(this.#proof).catch(() => {});
    }
    return this.#answers > answersAtLoss;
  }

  async #askApart(query: Uint8Array, { deadline, onAnswer }: ExchangeContext): Promise<Uint8Array> {
    const { clock } = this.#components;
    let sentAt = clock.now();
    try {
      const answer = await this.#apart.exchange(query, deadline, () => (sentAt = clock.now()));
      this.#answers++;
      onAnswer?.({ upstream: this.#init.address, sentAt, secondTry: false });
      return answer;
    } catch (thrown) {
      const error = toDns4torError(thrown);
      throw error.code === 'ERR_QUERY_DROPS_CONNECTION' ? this.#blame(error) : error;
    }
  }

  /** Blames the query for its losses and reports success to the breaker: the path to the resolver works. */
  #blame(cause: Dns4torError): Dns4torError {
    this.#components.breaker.worked();
    return new Dns4torError('ERR_QUERY_DROPS_CONNECTION', undefined, cause);
  }

  /**
   * Whether a lost connection with a suspect on it may be replaced without a pause: once per answer, so that an outage
   * does not cause a storm of reconnects.
   */
  #mayExcuse(): boolean {
    if (this.#answers === this.#answersAtExcuse) return false;
    this.#answersAtExcuse = this.#answers;
    return true;
  }

  /**
   * `work` as soon as a circuit has room.
   * @param failure of the attempts so far. If it was turned away, only a circuit that may answer it is waited for.
   */
  #admitted<T>(
    deadline: Deadline,
    history: RetryState,
    failure: Dns4torError | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    this.#set.look();
    // Whatever is not open is opened beside the path of the query.
    this.#set.fill();
    const isTurnedAway = failure !== undefined && !LOSSES.has(failure.code);
    const hasRoom = (): boolean => (isTurnedAway ? this.#set.hasHope(history.failed) : this.#set.hasRoom(NONE));
    if (hasRoom()) return work();
    const refusal = this.#components.breaker.refusal ?? this.#set.refusal();
    if (refusal !== undefined) return Promise.reject(failure ?? refusal);
    // The resolver was never asked: what failed is the way to it, which says nothing about the question.
    const expired = (): Dns4torError =>
      failure ?? new Dns4torError(this.openConnections > 0 ? 'ERR_QUEUE_FULL' : 'ERR_TOR_TIMEOUT');
    const isVain = (): boolean => isTurnedAway && !hasRoom() && !this.#set.isOpening;
    return this.#waitingRoom.wait({ deadline, expired, hasRoom, isVain, take: work });
  }

  #admitWaiting(): void {
    if (this.#closed) return;
    if (this.#waitingRoom.size > 0) {
      this.#waitingRoom.admit(() => this.#set.hasRoom(NONE));
      if (this.#waitingRoom.size > 0) this.#set.fill();
    }
    this.#components.onChange();
  }

  #race(
    query: Uint8Array,
    { deadline, onAnswer }: ExchangeContext,
    history: RetryState,
  ): Promise<Uint8Array | undefined> {
    const { clock, metrics, budget } = this.#components;
    const { address, index } = this.#init;
    const set = this.#set;
    const race = new HedgedExchange(
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
      history,
    );
    return race.run((set.best(history.failed) ?? set.best(NONE)) as PooledConnection);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.refuse(new Dns4torError('ERR_SHUTDOWN'));
    await Promise.all([this.#apart[Symbol.asyncDispose](), this.#set[Symbol.asyncDispose]()]);
  }
}
