/** Extra queries for each first one: of each hundred questions of clients, the resolver gets at most a hundred and twenty. */
const SHARE = 0.2;

/** Extra queries that may be saved up, so that a bad minute after a good hour can have a few at once. */
const MAX_SAVED = 10;

/**
 * A token bucket that keeps what nobody has to wait for, second tries and refreshes ahead of need, to a share of the first tries, however
 * bad the times are. One for all that asks upstream: what one use leaves, another has.
 */
export class RetryBudget {
  #saved = 1;

  /** To be called for each question of a client that is asked upstream. */
  earn(): void {
    this.#saved = Math.min(MAX_SAVED, this.#saved + SHARE);
  }

  /** Whether an extra query may be made, which then is paid for. */
  spend(): boolean {
    if (this.#saved < 1) return false;
    this.#saved--;
    return true;
  }
}
