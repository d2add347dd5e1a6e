import { toDns4torError } from '../../failures/errors.ts';
import type { ErrorCode } from '../../failures/failures.ts';
import { UNUSABLE_RESPONSES } from '../../failures/question-failures.ts';
import type { Clock, Timer } from '../../lib/clock.ts';
import type { Deadline } from '../../lib/deadline.ts';
import { RequestRefusedError } from '../transport/session.ts';
import { isRefusal } from '../transport/validate-response.ts';
import type { ConnectionSet } from './connection-set.ts';
import type { PooledConnection } from './pooled-connection.ts';
import type { RetryBudget } from './retry-budget.ts';
import type { RetryState, Suspects } from './retry-state.ts';

/** Failures of the connection or stream rather than of the query. The query is retried. */
export const LOSSES: ReadonlySet<ErrorCode> = new Set(['ERR_UPSTREAM_CONNECTION', 'ERR_UPSTREAM_STALLED']);

/**
 * When to hedge, as a quantile of the connection's response times: standard deviations above the median. 0.95 is the
 * 83rd percentile. Earlier hedges exceed the budget.
 */
const HEDGE_DEVIATIONS = 0.95;

/** Minimum delay of a hedge. A faster one would save no noticeable time. */
const MIN_HEDGE_MS = 200;

interface HedgedExchangeComponents {
  readonly clock: Clock;
  readonly set: ConnectionSet;
  readonly suspects: Suspects;
  readonly budget: RetryBudget;
  /** Number of answers to all queries so far. */
  readonly answers: () => number;
  /** A hedge was sent, or was answered first. */
  readonly onHedge: (slot: number, event: 'sent' | 'won') => void;
  /** The answer that the exchange resolves with has arrived. */
  readonly onAnswer: (sentAt: number, isHedge: boolean) => void;
  /** An answer has arrived, possibly after the exchange has resolved. */
  readonly onAnyAnswer: () => void;
}

/**
 * Sends one query on the best connection, sends hedges on others while the answer is late, and retries at once on
 * another one after an unusable response. The first usable answer wins. The other attempts continue, because they show
 * how fast their connections are. A suspect is not hedged, because each attempt may cost a connection.
 */
export class HedgedExchange {
  readonly #components: HedgedExchangeComponents;
  readonly #query: Uint8Array;
  readonly #deadline: Deadline;
  readonly #state: RetryState;
  readonly #tried: Set<PooledConnection>;
  readonly #outcome = Promise.withResolvers<Uint8Array | undefined>();
  /** Attempts in flight. */
  #running = 0;
  #isOver = false;
  #hedgeTimer: Timer | undefined;

  /** @param state outcomes of earlier attempts; those of this exchange are added */
  constructor(components: HedgedExchangeComponents, query: Uint8Array, deadline: Deadline, state: RetryState) {
    this.#components = components;
    this.#query = query;
    this.#deadline = deadline;
    this.#state = state;
    this.#tried = new Set(state.failedOn);
  }

  /**
   * Resolves with the first usable answer. If all attempts fail, resolves with undefined if the last response was
   * SERVFAIL or REFUSED (see {@link RetryState.refusal}), and otherwise rejects as {@link PooledConnection.exchange}
   * does.
   * @param first a connection with capacity
   */
  run(first: PooledConnection): Promise<Uint8Array | undefined> {
    this.#send(first, false);
    return this.#outcome.promise;
  }

  #send(connection: PooledConnection, isHedge: boolean): void {
    const { clock, suspects } = this.#components;
    const state = this.#state;
    this.#running++;
    state.attempts++;
    this.#tried.add(connection);
    const asSuspect = state.isSuspect;
    const sentAt = clock.now();
    if (asSuspect) suspects.add(connection, state);
    else {
      suspects.markShared(connection);
      this.#scheduleHedge(connection);
    }
    connection
      .exchange(this.#query, this.#deadline)
      .finally(() => suspects.delete(connection, state))
      .then(
        (response) => this.#onResponse(connection, response, sentAt, isHedge),
        (error: unknown) => this.#onFailure(connection, error, asSuspect),
      );
  }

  #scheduleHedge(connection: PooledConnection): void {
    const { clock } = this.#components;
    const delayMs = Math.max(MIN_HEDGE_MS, connection.quantileMs(HEDGE_DEVIATIONS));
    this.#hedgeTimer?.cancel();
    this.#hedgeTimer = clock.schedule(delayMs, () => this.#hedge());
  }

  #hedge(): void {
    const { clock, set, budget, onHedge } = this.#components;
    if (this.#state.isSuspect) return;
    const next = set.best(this.#tried);
    if (next === undefined || !budget.spend()) {
      this.#hedgeTimer = clock.schedule(MIN_HEDGE_MS, () => this.#hedge());
      return;
    }
    onHedge(next.slot, 'sent');
    this.#send(next, true);
  }

  #onResponse(connection: PooledConnection, response: Uint8Array, sentAt: number, isHedge: boolean): void {
    const { onAnswer, onAnyAnswer, onHedge } = this.#components;
    onAnyAnswer();
    if (isRefusal(response)) return this.#onRefusal(connection, response, sentAt, isHedge);
    connection.recordSuccess();
    if (this.#isOver) return;
    this.#end();
    for (const other of this.#state.unusableOn) other.recordStrike();
    if (isHedge) onHedge(connection.slot, 'won');
    onAnswer(sentAt, isHedge);
    this.#outcome.resolve(response);
  }

  /** The cause may be the question, or the resolver instance behind this connection. Another connection shows which. */
  #onRefusal(connection: PooledConnection, response: Uint8Array, sentAt: number, isHedge: boolean): void {
    const state = this.#state;
    state.refusals++;
    // A connection that answers other queries is judged only if another connection answers this one.
    if (connection.isReliable) state.isRefusedReliably = true;
    else connection.recordUnusable();
    if (this.#isOver) return;
    state.failedOn.add(connection);
    state.unusableOn.add(connection);
    state.refusal = { response, sentAt, isHedge };
    this.#running--;
    if (!state.isRefusalFinal && (this.#retry() || this.#running > 0)) return;
    this.#end();
    this.#outcome.resolve(undefined);
  }

  #onFailure(connection: PooledConnection, thrown: unknown, asSuspect: boolean): void {
    const state = this.#state;
    const error = toDns4torError(thrown);
    const { code } = error;
    const isUnusable = UNUSABLE_RESPONSES.has(code);
    if (isUnusable) connection.recordUnusable();
    if (this.#isOver) return;
    const isUnprocessed = error instanceof RequestRefusedError;
    if (!isUnprocessed) state.failedOn.add(connection);
    if (LOSSES.has(code) && !isUnprocessed) {
      state.recordLoss(this.#components.answers(), asSuspect, connection.isOpen);
    }
    if (isUnusable) state.unusableOn.add(connection);
    this.#running--;
    if (isUnusable && this.#retry()) return;
    if (this.#running > 0) return;
    this.#end();
    this.#outcome.reject(thrown);
  }

  /** Tries another connection at once, without waiting for attempts in flight; false if it may not. */
  #retry(): boolean {
    const { set, budget } = this.#components;
    if (!this.#state.mayRetry || this.#deadline.expired) return false;
    const next = set.best(this.#tried);
    // While no connection gives usable answers, retries would only multiply the load on a resolver in trouble.
    if (next === undefined || (next.isDoubtful && !budget.spend())) return false;
    this.#send(next, false);
    return true;
  }

  #end(): void {
    this.#isOver = true;
    this.#hedgeTimer?.cancel();
  }
}
