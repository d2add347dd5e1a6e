import type { Circuit } from './circuit.ts';

/**
 * The evidence against one query: connections that ended, or streams that were reset, while it was in flight on them. A
 * single loss may be chance, and any query on the connection may have caused it, so each of them is retried.
 */
export class Suspicion {
  /** Circuits on which the query failed, for any reason. */
  readonly failed = new Set<Circuit>();
  /** Number of losses. */
  losses = 0;
  /** Losses that left the connection open. No other query can have caused these. */
  resets = 0;
  /** The pool's count of answers at the first loss. */
  answersAtLoss = Infinity;
  /** Whether another query shared the connection at a loss and may have caused it. */
  accompanied = false;

  /**
   * Records a loss.
   * @param answers the pool's count of answers so far
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
  readonly #byCircuit = new Map<Circuit, Set<Suspicion>>();

  has(circuit: Circuit): boolean {
    return this.#byCircuit.has(circuit);
  }

  /** Called before a query is sent on `circuit`: marks the suspects on its connection as accompanied. */
  accompany(circuit: Circuit): void {
    for (const suspicion of this.#byCircuit.get(circuit) ?? []) suspicion.accompanied = true;
  }

  /** Called before a suspect is sent on `circuit`. */
  enter(circuit: Circuit, suspicion: Suspicion): void {
    this.accompany(circuit);
    suspicion.accompanied ||= circuit.inFlight > 0;
    const there = this.#byCircuit.get(circuit) ?? new Set();
    this.#byCircuit.set(circuit, there.add(suspicion));
  }

  leave(circuit: Circuit, suspicion: Suspicion): void {
    const there = this.#byCircuit.get(circuit);
    if (there?.delete(suspicion) === true && there.size === 0) this.#byCircuit.delete(circuit);
  }
}
