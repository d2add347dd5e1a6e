import type { Circuit } from './circuit.ts';

/**
 * What speaks against one query: the connections that ended, or the streams that were reset, while it was on them. One such loss is luck, and
 * nobody knows which of the queries on the connection it was about; each of them is asked once more.
 */
export class Suspicion {
  /** Circuits on which the query has failed, for any reason. */
  readonly failed = new Set<Circuit>();
  /** Losses so far. */
  losses = 0;
  /** Those of them that left the connection open, so that no other query can be to blame. */
  resets = 0;
  /** Answers that the resolver had given to anybody when the first loss came. */
  answersAtLoss = Infinity;
  /** Whether another query was on the connection with it, which may be to blame for its end. */
  accompanied = false;

  /**
   * Notes a loss.
   * @param answers that the resolver has given until now
   * @param asSuspect whether the query was sent as a suspect already, apart from second tries
   * @param isReset whether the connection is still open
   */
  lost(answers: number, asSuspect: boolean, isReset: boolean): void {
    if (isReset) this.resets++;
    if (this.losses++ === 0) this.answersAtLoss = answers;
    // Of two tries beside each other nobody has looked who else was on their connections.
    else if (!asSuspect) this.accompanied = true;
  }
}

/** The suspects that are on each connection now. */
export class Suspects {
  readonly #byCircuit = new Map<Circuit, Set<Suspicion>>();

  has(circuit: Circuit): boolean {
    return this.#byCircuit.has(circuit);
  }

  /** A query is about to be sent. Suspects on the connection have company from then on. */
  accompany(circuit: Circuit): void {
    for (const suspicion of this.#byCircuit.get(circuit) ?? []) suspicion.accompanied = true;
  }

  /** A suspect is about to be sent. */
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
