/** Extra queries earned per client query: for 100 client queries the resolver receives at most 120. */
const SHARE = 0.2;

/** Maximum balance. A bad minute after a good hour may use a few extra queries at once. */
const MAX_SAVED = 10;

/**
 * Retry budget: a token bucket that limits queries which no client has to wait for, such as hedges, second tries and
 * cache refreshes, to a share of the client queries. One bucket serves all uses, so one can spend what another leaves.
 */
export class RetryBudget {
  #saved = 1;

  /** Called for each client query that is sent upstream. */
  earn(): void {
    this.#saved = Math.min(MAX_SAVED, this.#saved + SHARE);
  }

  /** Pays for one extra query; false if the balance does not suffice. */
  spend(): boolean {
    if (this.#saved < 1) return false;
    this.#saved--;
    return true;
  }
}
