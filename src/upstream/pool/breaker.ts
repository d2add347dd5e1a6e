import { Dns4torError } from '../../failures/errors.ts';
import { drawPauseMs } from '../../lib/back-off.ts';
import type { Clock, Timer } from '../../lib/clock.ts';
import type { Random } from '../../lib/random.ts';
import type { BreakerState } from '../../model/upstream-status.ts';

/** Pause after the first failure. Short, because a single failing relay is avoided by the next circuit. */
const FIRST_PAUSE_MS = 250;

/** Longest pause while Tor is not running. An attempt costs one local connection, and Tor's return is noticed soon. */
const LONGEST_LOCAL_PAUSE_MS = 1000;

/** Longest pause while the resolver is unreachable. Each attempt makes relays build circuits. */
const LONGEST_REMOTE_PAUSE_MS = 30_000;

/**
 * After this much of a pause, or of an attempt that hangs, a query may start another attempt. Lookups therefore work
 * again within five seconds after an outage, and only an idle machine waits for the longer pauses.
 */
const LONGEST_REST_MS = 4000;

/** Consecutive failures that count as an outage. Fewer are common over Tor, so queries wait for the next circuit. */
const FAILURES_TO_OPEN = 3;

/**
 * An attempt that takes longer is slow: the queries that wait for it will probably miss their deadlines. It may have
 * started during an outage and hang, while a new attempt would succeed at once.
 */
export const SLOW_ATTEMPT_MS = 10_000;

interface BreakerComponents {
  readonly clock: Clock;
  readonly random: Random;
}

/** An attempt to connect, from {@link Breaker.beginAttempt}. */
export interface Attempt {
  /** Number of pauses before it since the last answer. */
  readonly round: number;
  /** Must be called when the attempt has ended, with or without success. */
  end(): void;
}

/** What the breaker asks and tells the owner of the connections. */
interface BreakerOwner {
  /** Whether any connection is open. While one is, no failure counts as an outage. */
  hasOpenConnection(): boolean;
  /** The breaker has opened: waiting and new queries are to be rejected with `reason`. */
  onOpen(reason: Dns4torError): void;
  /** An attempt is allowed: a pause is over, or the resolver has answered again. */
  onAttemptAllowed(): void;
}

/**
 * Circuit breaker (the software pattern) for all connections to one resolver. Without failures it allows every attempt
 * to connect. After a failure it allows one attempt at a time, with growing pauses in between, until the resolver
 * answers: an outage causes no connection storm. It opens when failures amount to an outage. Queries are then rejected
 * at once, with the reason, while single attempts go on.
 */
export class Breaker implements Disposable {
  readonly #components: BreakerComponents;
  readonly #owner: BreakerOwner;
  /** Consecutive failures since the last answer. */
  #failures = 0;
  /** Consecutive pauses since the last answer. */
  #round = 0;
  #lastError: Dns4torError | undefined;
  /** Attempts in progress, as the timer of each. */
  readonly #attempts = new Set<Timer>();
  /** Attempts in progress for longer than {@link SLOW_ATTEMPT_MS}. The next attempt does not wait for them. */
  readonly #slow = new Set<Timer>();
  /** Runs during a pause. */
  #retry: Timer | undefined;
  /** No query may start an attempt before this time. */
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

  /** The latest failure; undefined if the resolver has answered since. */
  get lastError(): Dns4torError | undefined {
    return this.#lastError;
  }

  /** The failure with which to reject queries; undefined unless the breaker is open. */
  get openReason(): Dns4torError | undefined {
    return this.#open ? this.#lastError : undefined;
  }

  /** Whether nothing has failed since the last answer. */
  get isHealthy(): boolean {
    return this.#failures === 0;
  }

  /** Whether {@link beginAttempt} would return an attempt now. */
  get mayAttempt(): boolean {
    return this.#failures === 0 || !this.#mustWait;
  }

  /** Starts an attempt to connect; undefined if none is allowed now. */
  beginAttempt(): Attempt | undefined {
    const { clock } = this.#components;
    if (!this.mayAttempt) return undefined;
    this.#restUntil = clock.now() + LONGEST_REST_MS;
    const timer = clock.schedule(SLOW_ATTEMPT_MS, () => this.#markSlow(timer));
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

  /** Whether, after failures, the next attempt has to wait for a pause or for an attempt in progress. */
  get #mustWait(): boolean {
    const isWaitedFor = this.#attempts.size > this.#slow.size || this.#retry !== undefined;
    return isWaitedFor && this.#components.clock.now() < this.#restUntil;
  }

  /** Records the first answer on a connection, or the end of a connection that has answered. */
  recordSuccess(): void {
    const wasFailing = this.#open || this.#failures > 0;
    this.#failures = 0;
    this.#round = 0;
    this.#open = false;
    this.#lastError = undefined;
    this.#retry?.cancel();
    this.#retry = undefined;
    if (wasFailing) this.#owner.onAttemptAllowed();
  }

  /**
   * Records a connection that could not be opened, or that ended without an answer.
   * @param attempt the failed attempt. Failures of parallel attempts lengthen the pause only once.
   * @returns the pause that begins now, in milliseconds
   */
  recordFailure(error: Dns4torError, attempt?: Attempt): number {
    const { clock, random } = this.#components;
    const isLocal = error.code === 'ERR_TOR_UNREACHABLE';
    const longestMs = isLocal ? LONGEST_LOCAL_PAUSE_MS : LONGEST_REMOTE_PAUSE_MS;
    this.#failures++;
    if (attempt === undefined || attempt.round === this.#round) this.#round++;
    const pauseMs = drawPauseMs({ firstMs: FIRST_PAUSE_MS, longestMs }, this.#round - 1, random);
    this.#lastError = error;
    this.#restUntil = clock.now() + Math.min(pauseMs, LONGEST_REST_MS);
    this.#retry?.cancel();
    this.#retry = clock.schedule(pauseMs, () => {
      this.#retry = undefined;
      this.#owner.onAttemptAllowed();
    });
    // Whether Tor runs on this machine is certain after one failure. For other failures, any attempt that is still in
    // progress may succeed.
    const isLast = this.#attempts.size === this.#slow.size;
    if (isLocal || (this.#failures >= FAILURES_TO_OPEN && isLast)) this.#trip();
    return pauseMs;
  }

  /** Lets the attempt go on, but neither queries nor, in an outage, the next attempt wait for it any longer. */
  #markSlow(attempt: Timer): void {
    this.#slow.add(attempt);
    this.#lastError ??= new Dns4torError('ERR_TOR_TIMEOUT');
    this.#trip();
    if (this.#failures > 0) this.#owner.onAttemptAllowed();
  }

  /** Opens the breaker, unless a connection is open. */
  #trip(): void {
    if (this.#owner.hasOpenConnection()) return;
    this.#open = true;
    this.#owner.onOpen(this.#lastError as Dns4torError);
  }

  [Symbol.dispose](): void {
    this.#retry?.cancel();
    for (const attempt of this.#attempts) attempt.cancel();
  }
}
