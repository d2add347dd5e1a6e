import { drawPauseMs } from '../../lib/back-off.ts';
import type { Clock, Timer } from '../../lib/clock.ts';
import type { BreakerState } from '../../model/upstream-status.ts';
import { Dns4torError } from '../../failures/errors.ts';
import type { Random } from '../../lib/random.ts';

/** The pause after a first failure: short, since one relay's failure is over with another circuit. */
const FIRST_PAUSE_MS = 250;

/** Tor itself is not there: asking again costs one connection on this machine, and the moment it is back should be noticed. */
const LONGEST_LOCAL_PAUSE_MS = 1000;

/** The resolver cannot be reached: each attempt costs circuits at relays that others need. */
const LONGEST_REMOTE_PAUSE_MS = 30_000;

/**
 * A query permits an attempt after this much of a pause, and while an earlier attempt hangs. Names can then be asked
 * again within five seconds after an outage, and only a machine that asks nothing waits for longer pauses.
 */
const WANTED_AFTER_MS = 4000;

/** So many failures in a row are an outage. Fewer are common over Tor, and over with the next circuit: queries wait for it. */
const PATIENCE = 3;

/**
 * A connection that takes longer will hardly be there before the queries that wait for it have met their deadline. It may have begun before
 * the resolver came back, and hang until it is given up, where a new one would come at once.
 */
export const SLOW_ATTEMPT_MS = 10_000;

export interface BreakerComponents {
  readonly clock: Clock;
  readonly random: Random;
}

/** An attempt to connect, from {@link Breaker.attempt}. */
export interface Attempt {
  /** Pauses before it, without an answer in between. */
  readonly round: number;
  /** Call it when the attempt has ended, however it did. */
  end(): void;
}

/** What the owner of the connections is asked and told. */
export interface BreakerOwner {
  /** Whether any connection is open: as long as one is, nothing is an outage. */
  isServing(): boolean;
  /** Queries are to be refused from now on, those that wait included. */
  onOpen(reason: Dns4torError): void;
  /** A connection may be attempted: after a pause, or because the resolver answers again. */
  onMayConnect(): void;
}

/**
 * A circuit breaker, in the sense of software, for all circuits to one resolver. In quiet times it permits every connection. After a failure
 * connections are attempted one at a time, each after a pause that is longer than the last, until there is an answer: an outage
 * makes no storm. Once failures make an outage it is open: queries are refused at once, with the reason, and only probes go on.
 */
export class Breaker implements Disposable {
  readonly #components: BreakerComponents;
  readonly #owner: BreakerOwner;
  /** In a row, without an answer in between. */
  #failures = 0;
  /** Pauses in a row. */
  #round = 0;
  #lastError: Dns4torError | undefined;
  readonly #attempts = new Set<Timer>();
  /** Those of them that take so long that the next does not wait for them. */
  readonly #slow = new Set<Timer>();
  /** Runs during a pause. */
  #retry: Timer | undefined;
  /** Until then no query permits an attempt. */
  #restUntil = -Infinity;
  #open = false;

  constructor(components: BreakerComponents, owner: BreakerOwner) {
    this.#components = components;
    this.#owner = owner;
  }

  get state(): BreakerState {
    if (!this.#open) return 'closed';
    return this.#attempts.size > 0 ? 'half_open' : 'open';
  }

  /** How the latest attempt failed; undefined where there was an answer since. */
  get lastError(): Dns4torError | undefined {
    return this.#lastError;
  }

  /** Why a query is not to wait for a connection; undefined if it may. */
  get refusal(): Dns4torError | undefined {
    return this.#open ? this.#lastError : undefined;
  }

  /** Whether nothing has failed since the last answer. */
  get isUntroubled(): boolean {
    return this.#failures === 0;
  }

  /** Whether {@link attempt} gives leave now. */
  get permits(): boolean {
    return this.#failures === 0 || !this.#mustWait;
  }

  /** Asks for leave to connect. Undefined if no attempt may be made now. */
  attempt(): Attempt | undefined {
    const { clock } = this.#components;
    if (!this.permits) return undefined;
    this.#restUntil = clock.now() + WANTED_AFTER_MS;
    const timer = clock.schedule(SLOW_ATTEMPT_MS, () => this.#suspect(timer));
    this.#attempts.add(timer);
    return {
      round: this.#round,
      end: () => {
        timer.cancel();
        this.#attempts.delete(timer);
        this.#slow.delete(timer);
      },
    };
  }

  /** After failures: whether an attempt is under way, or a pause, that the next attempt has to wait for. */
  get #mustWait(): boolean {
    const isWaitedFor = this.#attempts.size > this.#slow.size || this.#retry !== undefined;
    return isWaitedFor && this.#components.clock.now() < this.#restUntil;
  }

  /** The resolver has answered, on a connection on which it had not yet; or it has until now, and the connection ended. */
  worked(): void {
    const wasTroubled = this.#open || this.#failures > 0;
    this.#failures = 0;
    this.#round = 0;
    this.#open = false;
    this.#lastError = undefined;
    this.#retry?.cancel();
    this.#retry = undefined;
    if (wasTroubled) this.#owner.onMayConnect();
  }

  /**
   * A connection could not be opened, or ended without an answer.
   * @param attempt the attempt that failed. Attempts made side by side lengthen the pause only once.
   * @returns the pause that begins now, in milliseconds
   */
  failed(error: Dns4torError, attempt?: Attempt): number {
    const { clock, random } = this.#components;
    const isLocal = error.code === 'ERR_TOR_UNREACHABLE';
    const longestMs = isLocal ? LONGEST_LOCAL_PAUSE_MS : LONGEST_REMOTE_PAUSE_MS;
    this.#failures++;
    if (attempt === undefined || attempt.round === this.#round) this.#round++;
    const pauseMs = drawPauseMs({ firstMs: FIRST_PAUSE_MS, longestMs }, this.#round - 1, random);
    this.#lastError = error;
    this.#restUntil = clock.now() + Math.min(pauseMs, WANTED_AFTER_MS);
    this.#retry?.cancel();
    this.#retry = clock.schedule(pauseMs, () => {
      this.#retry = undefined;
      this.#owner.onMayConnect();
    });
    // Whether Tor runs on this machine is certain the first time.
    // While other attempts run, one of them may still succeed.
    const isLast = this.#attempts.size === this.#slow.size;
    if (isLocal || (this.#failures >= PATIENCE && isLast)) this.#trip();
    return pauseMs;
  }

  /** An attempt takes long. It goes on, but nobody is made to wait for it: neither a query nor, in an outage, the next attempt. */
  #suspect(attempt: Timer): void {
    this.#slow.add(attempt);
    this.#lastError ??= new Dns4torError('ERR_TOR_TIMEOUT');
    this.#trip();
    if (this.#failures > 0) this.#owner.onMayConnect();
  }

  #trip(): void {
    if (this.#owner.isServing()) return;
    this.#open = true;
    this.#owner.onOpen(this.#lastError as Dns4torError);
  }

  [Symbol.dispose](): void {
    this.#retry?.cancel();
    for (const attempt of this.#attempts) attempt.cancel();
  }
}
