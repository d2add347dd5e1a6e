import type { PooledConnection } from './pooled-connection.ts';

/** Times that one query is sent at most, hedges included. */
const MAX_ATTEMPTS = 6;

/** Refusals (SERVFAIL, REFUSED) after which the question is to blame, if one circuit of them answers other queries. */
const CONCLUSIVE_REFUSALS = 2;

/** A response of the resolver that is no answer, and when what it responds to was sent. */
export interface Refusal {
  readonly response: Uint8Array;
  readonly sentAt: number;
  readonly isHedge: boolean;
}

/** What one query has met so far, over all its attempts. */
export class RetryState {
  /** Circuits on which it failed, for any reason. */
  readonly failed = new Set<PooledConnection>();
  /** Circuits among them that gave a response which is not a usable answer. */
  readonly turnedAwayBy = new Set<PooledConnection>();
  /** The resolver's own SERVFAIL or REFUSED, for the client if no circuit gives anything better. */
  refusal: Refusal | undefined;
  refusals = 0;
  /** Whether a circuit refused it that answers other queries. */
  isRefusedReliably = false;
  /** Attempts so far. */
  attempts = 0;
  /**
   * Connections that ended, or streams that were reset, while it was in flight on them. One may be chance, and any
   * query on the connection may have caused it, so each of them is retried.
   */
  losses = 0;
  /** Losses that left the connection open. No other query can have caused these. */
  resets = 0;
  /** Number of answers to all queries at the first loss. */
  answersAtLoss = Infinity;
  /** Whether another query shared the connection at a loss and may have caused it. */
  accompanied = false;

  /** Whether the refusals are final. */
  get isConclusive(): boolean {
    return this.isRefusedReliably && this.refusals >= CONCLUSIVE_REFUSALS;
  }

  get mayRetry(): boolean {
    return this.attempts < MAX_ATTEMPTS;
  }

  /** Whether it may be what ends connections. */
  get isSuspect(): boolean {
    return this.losses > 0;
  }

  /**
   * Records a loss.
   * @param answers number of answers to all queries so far
   * @param asSuspect whether the query was already a suspect when it was sent, and so had no hedge
   * @param isReset whether the connection is still open, so that only the stream was lost
   */
  lost(answers: number, asSuspect: boolean, isReset: boolean): void {
    if (isReset) this.resets++;
    if (this.losses++ === 0) this.answersAtLoss = answers;
    // A second loss within one hedged race: the other queries on these connections were not tracked.
    else if (!asSuspect) this.accompanied = true;
  }
}

/** Suspects in flight, by circuit. */
export class Suspects {
  readonly #byCircuit = new Map<PooledConnection, Set<RetryState>>();

  has(circuit: PooledConnection): boolean {
    return this.#byCircuit.has(circuit);
  }

  /** Called before a query is sent on `circuit`: marks the suspects on its connection as accompanied. */
  accompany(circuit: PooledConnection): void {
    for (const history of this.#byCircuit.get(circuit) ?? []) history.accompanied = true;
  }

  /** Called before a suspect is sent on `circuit`. */
  enter(circuit: PooledConnection, history: RetryState): void {
    this.accompany(circuit);
    history.accompanied ||= circuit.inFlight > 0;
    const there = this.#byCircuit.get(circuit) ?? new Set();
    this.#byCircuit.set(circuit, there.add(history));
  }

  leave(circuit: PooledConnection, history: RetryState): void {
    const there = this.#byCircuit.get(circuit);
    if (there?.delete(history) === true && there.size === 0) this.#byCircuit.delete(circuit);
  }
}
