import type { Clock } from '../lib/clock.ts';
import type { Dns4torError } from '../lib/errors.ts';
import type { Random } from '../lib/random.ts';

/** The pause after a first failure: short, since one relay's failure is over with another circuit. */
const FIRST_PAUSE_MS = 250;

/** Tor itself is not there: asking again costs one connection on this machine, and the moment it is back should be noticed. */
const LONGEST_LOCAL_PAUSE_MS = 1000;

/** The resolver cannot be reached: each attempt costs circuits at relays that others need. */
const LONGEST_REMOTE_PAUSE_MS = 30_000;

/** Each pause is drawn from this share of itself up to the whole, so that clients that failed together do not come back together. */
const LOWEST_JITTER = 0.5;

/** Says when the next attempt to connect may be made, and why the last one failed. */
export class BackOff {
  readonly #clock: Clock;
  readonly #random: Random;
  #failures = 0;
  #retryAt = -Infinity;
  #lastError: Dns4torError | undefined;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Why no attempt may be made now; undefined if one may. */
  get refusal(): Dns4torError | undefined {
    return this.#clock.now() < this.#retryAt ? this.#lastError : undefined;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#retryAt = -Infinity;
    this.#lastError = undefined;
  }

  /** Returns the pause that begins now, in milliseconds. */
  failed(error: Dns4torError): number {
    const longest = error.code === 'ERR_TOR_UNREACHABLE' ? LONGEST_LOCAL_PAUSE_MS : LONGEST_REMOTE_PAUSE_MS;
    const pause = Math.min(longest, FIRST_PAUSE_MS * 2 ** this.#failures);
    const jittered = pause * (LOWEST_JITTER + (1 - LOWEST_JITTER) * this.#random.fraction());
    this.#failures++;
    this.#lastError = error;
    this.#retryAt = this.#clock.now() + jittered;
    return jittered;
  }
}
