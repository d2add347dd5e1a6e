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
  /** Answers that the resolver had given to anybody when the first loss came. */
  answersAtLoss = Infinity;
  /** Whether another suspect was on the same connection, so that either may be to blame for its end. */
  shared = false;

  /**
   * Notes a loss.
   * @param answers that the resolver has given until now
   * @param asSuspect whether the query was sent as a suspect already, apart from second tries
   */
  lost(answers: number, asSuspect: boolean): void {
    if (this.losses++ === 0) this.answersAtLoss = answers;
    // Two tries of one query beside each other were on connections that other queries may have shared in the same way.
    else if (!asSuspect) this.shared = true;
  }
}

/** The suspects that are on each connection now. */
export class Suspects {
  readonly #byCircuit = new Map<Circuit, Set<Suspicion>>();

  has(circuit: Circuit): boolean {
    return this.#byCircuit.has(circuit);
  }

  enter(circuit: Circuit, suspicion: Suspicion): void {
    const there = this.#byCircuit.get(circuit) ?? new Set();
    this.#byCircuit.set(circuit, there.add(suspicion));
    if (there.size === 1) return;
    for (const each of there) each.shared = true;
  }

  leave(circuit: Circuit, suspicion: Suspicion): void {
    const there = this.#byCircuit.get(circuit);
    if (there?.delete(suspicion) === true && there.size === 0) this.#byCircuit.delete(circuit);
  }
}
