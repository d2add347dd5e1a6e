import type { Clock, Timer } from '../../lib/clock.ts';
import type { Deadline } from '../../lib/deadline.ts';
import { toDns4torError } from '../../failures/errors.ts';
import type { ErrorCode } from '../../failures/failures.ts';
import { UNUSABLE_RESPONSES } from '../../failures/question-failures.ts';
import { isRefusal } from '../transport/validate-response.ts';
import type { PooledConnection } from './pooled-connection.ts';
import type { ConnectionSet } from './connection-set.ts';
import type { RetryBudget } from './retry-budget.ts';
import type { RetryState, Suspects } from './retry-state.ts';
import { RequestRefusedError } from '../transport/session.ts';

/** Failures that end a query's way over one connection; the query is retried. */
export const LOSSES: ReadonlySet<ErrorCode> = new Set(['ERR_UPSTREAM_CONNECTION', 'ERR_UPSTREAM_STALLED']);

/**
 * Another circuit is tried after this quantile of the asked circuit's response times, in standard deviations above the
 * median: the 83rd percentile. Earlier hedges exceed the budget.
 */
const HEDGE_DEVIATIONS = 0.95;

/** Sooner, a hedge is no use: nobody notices, and a path that fast does not hang on one circuit. */
const MIN_HEDGE_MS = 200;

export interface HedgedExchangeComponents {
  readonly clock: Clock;
  readonly set: ConnectionSet;
  readonly suspects: Suspects;
  readonly budget: RetryBudget;
  /** Number of answers to all queries so far. */
  readonly answers: () => number;
  /** A hedge is sent, or was answered first. */
  readonly onHedge: (slot: number, event: 'sent' | 'won') => void;
  /** The answer that is given came. */
  readonly onAnswer: (sentAt: number, isHedge: boolean) => void;
  /** Any answer came, also a later one to a query that has been answered. */
  readonly onAnyAnswer: () => void;
}

/**
 * Sends one query to the best circuit, hedges on others while the answer is late, and tries others at once where one
 * does not give a usable answer. The first usable answer wins. What else was sent goes on: it shows how fast its
 * circuit is. A suspect is not hedged, because each attempt may cost a connection.
 */
export class HedgedExchange {
  readonly #components: HedgedExchangeComponents;
  readonly #query: Uint8Array;
  readonly #deadline: Deadline;
  readonly #history: RetryState;
  readonly #asked: Set<PooledConnection>;
  readonly #outcome = Promise.withResolvers<Uint8Array | undefined>();
  #running = 0;
  #isOver = false;
  #hedge: Timer | undefined;

  /** @param history of the query; what happens in this race is added */
  constructor(components: HedgedExchangeComponents, query: Uint8Array, deadline: Deadline, history: RetryState) {
    this.#components = components;
    this.#query = query;
    this.#deadline = deadline;
    this.#history = history;
    this.#asked = new Set(history.failed);
  }

  /**
   * Settles with the first usable answer, or when the last attempt has failed: with undefined if that was refused (see
   * {@link RetryState.refusal}), else rejects as {@link PooledConnection.exchange} does.
   * @param first has room
   */
  run(first: PooledConnection): Promise<Uint8Array | undefined> {
    this.#ask(first, false);
    return this.#outcome.promise;
  }

  #ask(circuit: PooledConnection, isHedge: boolean): void {
    const { clock, suspects } = this.#components;
    const history = this.#history;
    this.#running++;
    history.attempts++;
    this.#asked.add(circuit);
    const asSuspect = history.isSuspect;
    const sentAt = clock.now();
    if (asSuspect) suspects.enter(circuit, history);
    else {
      suspects.accompany(circuit);
      this.#hedgeLater(circuit);
    }
    circuit
      .exchange(this.#query, this.#deadline)
      .finally(() => suspects.leave(circuit, history))
      .then(
        (response) => this.#answered(circuit, response, sentAt, isHedge),
        (error: unknown) => this.#failed(circuit, error, asSuspect),
      );
  }

  #hedgeLater(circuit: PooledConnection): void {
    const { clock } = this.#components;
    const delayMs = Math.max(MIN_HEDGE_MS, circuit.quantileMs(HEDGE_DEVIATIONS));
    this.#hedge?.cancel();
    this.#hedge = clock.schedule(delayMs, () => this.#tryHedge());
  }

  #tryHedge(): void {
    const { clock, set, budget, onHedge } = this.#components;
    if (this.#history.isSuspect) return;
    const next = set.best(this.#asked);
    if (next === undefined || !budget.spend()) {
      this.#hedge = clock.schedule(MIN_HEDGE_MS, () => this.#tryHedge());
      return;
    }
    onHedge(next.slot, 'sent');
    this.#ask(next, true);
  }

  #answered(circuit: PooledConnection, response: Uint8Array, sentAt: number, isHedge: boolean): void {
    const { onAnswer, onAnyAnswer, onHedge } = this.#components;
    onAnyAnswer();
    if (isRefusal(response)) return this.#refused(circuit, response, sentAt, isHedge);
    circuit.worked();
    if (this.#isOver) return;
    this.#end();
    for (const other of this.#history.turnedAwayBy) other.strike();
    if (isHedge) onHedge(circuit.slot, 'won');
    onAnswer(sentAt, isHedge);
    this.#outcome.resolve(response);
  }

  /** The question may be at fault, or what lies behind this circuit: another circuit tells. */
  #refused(circuit: PooledConnection, response: Uint8Array, sentAt: number, isHedge: boolean): void {
    const history = this.#history;
    history.refusals++;
    if (circuit.isReliable) history.isRefusedReliably = true;
    // A circuit that answers other questions is judged by whether another one answers this question.
    else circuit.turnedAway();
    if (this.#isOver) return;
    history.failed.add(circuit);
    history.turnedAwayBy.add(circuit);
    history.refusal = { response, sentAt, isHedge };
    this.#running--;
    if (!history.isConclusive && (this.#retry() || this.#running > 0)) return;
    this.#end();
    this.#outcome.resolve(undefined);
  }

  #failed(circuit: PooledConnection, thrown: unknown, asSuspect: boolean): void {
    const history = this.#history;
    const error = toDns4torError(thrown);
    const { code } = error;
    const isTurnedAway = UNUSABLE_RESPONSES.has(code);
    if (isTurnedAway) circuit.turnedAway();
    if (this.#isOver) return;
    const isRefused = error instanceof RequestRefusedError;
    if (!isRefused) history.failed.add(circuit);
    if (LOSSES.has(code) && !isRefused) history.lost(this.#components.answers(), asSuspect, circuit.isOpen);
    if (isTurnedAway) history.turnedAwayBy.add(circuit);
    this.#running--;
    if (isTurnedAway && this.#retry()) return;
    if (this.#running > 0) return;
    this.#end();
    this.#outcome.reject(thrown);
  }

  /** Tries another circuit at once, without waiting for those that are asked. */
  #retry(): boolean {
    const { set, budget } = this.#components;
    if (!this.#history.mayRetry || this.#deadline.expired) return false;
    const next = set.best(this.#asked);
    // While no circuit gives usable answers, retries would only multiply the load on a resolver in trouble.
    if (next === undefined || (next.isDoubtful && !budget.spend())) return false;
    this.#ask(next, false);
    return true;
  }

  #end(): void {
    this.#isOver = true;
    this.#hedge?.cancel();
  }
}
