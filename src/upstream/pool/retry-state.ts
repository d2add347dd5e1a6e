import type { PooledConnection } from './pooled-connection.ts';

/** Maximum times that one query is sent, hedges included. */
const MAX_ATTEMPTS = 6;

/** SERVFAIL or REFUSED responses that are final, if one of their connections answers other queries. */
const CONCLUSIVE_REFUSALS = 2;

/** A SERVFAIL or REFUSED response of the resolver. */
interface Refusal {
  readonly response: Uint8Array;
  /** When the refused query was sent, in milliseconds on the monotonic clock. */
  readonly sentAt: number;
  readonly isHedge: boolean;
}

/** The outcomes so far of all attempts to send one query. */
export class RetryState {
  /** Connections on which the query failed, for any reason. */
  readonly failedOn = new Set<PooledConnection>();
  /** Those of {@link failedOn} that responded, but without a usable answer. */
  readonly unusableOn = new Set<PooledConnection>();
  /** The latest SERVFAIL or REFUSED, for the client if no connection returns anything better. */
  refusal: Refusal | undefined;
  refusals = 0;
  /** Whether a connection that answers other queries returned SERVFAIL or REFUSED. */
  isRefusedReliably = false;
  attempts = 0;
  /**
   * Connections that ended and streams that were reset while the query was in flight on them. One loss may be chance,
   * and any query on the connection may have caused it, so all of them are retried.
   */
  losses = 0;
  /** Losses that left the connection open. No other query can have caused these. */
  resets = 0;
  /** Number of answers to all queries at the first loss. */
  answersAtLoss = Infinity;
  /** Whether another query shared the connection at a loss, and may have caused it. */
  sharedAtLoss = false;

  /** Whether SERVFAIL or REFUSED is the final outcome. */
  get isRefusalFinal(): boolean {
    return this.isRefusedReliably && this.refusals >= CONCLUSIVE_REFUSALS;
  }

  get mayRetry(): boolean {
    return this.attempts < MAX_ATTEMPTS;
  }

  /** Whether the query may be the cause of lost connections. */
  get isSuspect(): boolean {
    return this.losses > 0;
  }

  /**
   * Records a loss.
   * @param answers number of answers to all queries so far
   * @param asSuspect whether the query was already a suspect when it was sent, and therefore not hedged
   * @param isReset whether the connection is still open, so that only the stream was lost
   */
  recordLoss(answers: number, asSuspect: boolean, isReset: boolean): void {
    if (isReset) this.resets++;
    if (this.losses++ === 0) this.answersAtLoss = answers;
    // A second loss within one hedged exchange: the other queries on these connections were not tracked.
    else if (!asSuspect) this.sharedAtLoss = true;
  }
}

/** The suspects in flight, by connection. */
export class Suspects {
  readonly #byConnection = new Map<PooledConnection, Set<RetryState>>();

  has(connection: PooledConnection): boolean {
    return this.#byConnection.has(connection);
  }

  /** Called before any query is sent on `connection`: the suspects on it are no longer alone. */
  markShared(connection: PooledConnection): void {
    for (const suspect of this.#byConnection.get(connection) ?? []) suspect.sharedAtLoss = true;
  }

  /** Called before a suspect is sent on `connection`. */
  add(connection: PooledConnection, suspect: RetryState): void {
    this.markShared(connection);
    suspect.sharedAtLoss ||= connection.inFlight > 0;
    const suspects = this.#byConnection.get(connection) ?? new Set();
    this.#byConnection.set(connection, suspects.add(suspect));
  }

  delete(connection: PooledConnection, suspect: RetryState): void {
    const suspects = this.#byConnection.get(connection);
    if (suspects?.delete(suspect) === true && suspects.size === 0) this.#byConnection.delete(connection);
  }
}
