/** Second tries that may be saved up, so that a bad minute after a good hour can have a few at once. */
const MAX_SAVED = 10;

/** A token bucket that keeps second tries to a share of the first ones, however bad the times are. */
export class HedgeBudget {
  readonly #share: number;
  #saved = 1;

  /** @param share second tries for each first one, 0 to 1 */
  constructor(share: number) {
    this.#share = share;
  }

  /** To be called for each first try. */
  earn(): void {
    this.#saved = Math.min(MAX_SAVED, this.#saved + this.#share);
  }

  /** Whether a second try may be made, which then is paid for. */
  spend(): boolean {
    if (this.#saved < 1) return false;
    this.#saved--;
    return true;
  }
}
