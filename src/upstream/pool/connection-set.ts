import type { Dns4torError } from '../../failures/errors.ts';
import type { Clock, Timer } from '../../lib/clock.ts';
import type { ReconnectCause } from '../../metrics/metrics.ts';
import type { Breaker } from './breaker.ts';
import { SLOW_ATTEMPT_MS } from './breaker.ts';
import type { PooledConnection, PooledConnectionOwner } from './pooled-connection.ts';

interface ConnectionSetComponents {
  readonly clock: Clock;
  readonly breaker: Breaker;
  /** Creates a connection with new SOCKS credentials, without opening it. */
  readonly createConnection: (owner: PooledConnectionOwner, slot: number) => PooledConnection;
  /** A connection has been opened or can take more queries. */
  readonly onCapacityChange: () => void;
  /** The last candidate has been opened, or could not be opened. */
  readonly onNoCandidate: () => void;
  /**
   * A connection in use has ended.
   * @returns see {@link PooledConnectionOwner.onEnd}
   */
  readonly onLost: (connection: PooledConnection) => boolean;
  /** A connection in use has ended, or is being replaced. */
  readonly onReplace: (slot: number, cause: ReconnectCause) => void;
}

/** Sizes of a {@link ConnectionSet}. */
export interface ConnectionSetInit {
  /** Connections kept in use; at least 1. */
  readonly size: number;
  /** Connections opened at first, of which the fastest are kept; at least `size`. */
  readonly candidates: number;
}

/** A candidate replaces the slowest connection if its expected response time is below this share of that one's. */
const CLEARLY_FASTER = 0.9;

/**
 * Pauses between single candidates while queries are sent, growing from the first to the longest. Each candidate costs
 * relays and the onion service work.
 */
const FIRST_PAUSE_MS = 10_000;
const LONGEST_PAUSE_MS = 120_000;

/** Minimum number of queries per single candidate. */
export const QUERIES_PER_CANDIDATE = 20;

/** Pause between two replacements of connections that fail where others answer. */
const OUTLIER_PAUSE_MS = 3000;

/** First pause between candidates that are opened because no connection gives a usable answer. */
const FIRST_FALLBACK_PAUSE_MS = 500;

/** Minimum time and number of queries between two measurements of round trips. */
const PING_MS = 5000;
const QUERIES_PER_PING = 3;

/** Longest time that a replaced connection stays open for its queries in flight. */
const DRAIN_MS = 30_000;

/** The connections in use, each in a slot, and the candidates for those slots. */
export class ConnectionSet implements AsyncDisposable {
  readonly #components: ConnectionSetComponents;
  readonly #init: ConnectionSetInit;
  readonly #slots: (PooledConnection | undefined)[];
  /** Connections that are being opened. */
  readonly #candidates = new Set<PooledConnection>();
  /** Replaced or ended connections with queries in flight, and the timer that closes each at the latest. */
  readonly #draining = new Map<PooledConnection, Timer>();
  /** Number of candidates to open in addition to those for empty slots. */
  #spare: number;
  #queries = 0;
  #candidateAt = -Infinity;
  #queriesAtCandidate = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #nextFallbackAt = -Infinity;
  #fallbackPauseMs = FIRST_FALLBACK_PAUSE_MS;
  #pingedAt = -Infinity;
  #queriesAtPing = 0;

  constructor(components: ConnectionSetComponents, init: ConnectionSetInit) {
    this.#components = components;
    this.#init = init;
    this.#slots = Array.from({ length: init.size });
    this.#spare = init.candidates - init.size;
  }

  /** The open connections by slot; undefined for an empty slot. */
  get slots(): readonly (PooledConnection | undefined)[] {
    return this.#slots;
  }

  /** All open connections, including those that only finish their queries. */
  get open(): readonly PooledConnection[] {
    return [...this.#inUse, ...this.#draining.keys()].filter(({ isOpen }) => isOpen);
  }

  get inFlight(): number {
    return [...this.#inUse, ...this.#draining.keys()].reduce((sum, { inFlight }) => sum + inFlight, 0);
  }

  get isOpening(): boolean {
    return this.#candidates.size > 0;
  }

  /** Number of queries so far. */
  get queries(): number {
    return this.#queries;
  }

  get #inUse(): PooledConnection[] {
    return this.#slots.filter((connection) => connection !== undefined);
  }

  /**
   * Opens candidates for all empty slots, as far as the breaker allows. If all slots are empty, spare candidates are
   * opened as well, and the first to be open are kept. Queries do not wait for the others.
   */
  fill(): void {
    const { size, candidates } = this.#init;
    const now = this.#components.clock.now();
    const empty = size - this.#inUse.length;
    if (empty === size && this.#spare === 0) {
      const earned = Math.floor((this.#queries - this.#queriesAtCandidate) / QUERIES_PER_CANDIDATE);
      this.#spare = Math.min(candidates - size, earned);
    }
    const wanted = empty + this.#spare;
    if (wanted === 0) return;
    let opening = [...this.#candidates].filter(({ openingSince }) => now - openingSince < SLOW_ATTEMPT_MS).length;
    while (opening < wanted && this.#openCandidate()) opening++;
    if (opening < wanted) return;
    if (this.#spare > 0 || empty === size) this.#recordCandidate(now);
    this.#spare = 0;
  }

  /**
   * Must be called for each query. From time to time, opens a candidate and measures round trips; ends connections that
   * have stalled.
   */
  onQuery(): void {
    const now = this.#components.clock.now();
    this.#queries++;
    const isTimeToPing = now - this.#pingedAt >= PING_MS && this.#queries - this.#queriesAtPing >= QUERIES_PER_PING;
    if (isTimeToPing) {
      this.#pingedAt = now;
      this.#queriesAtPing = this.#queries;
    }
    for (const connection of this.#inUse) {
      if (isTimeToPing) connection.ping();
      connection.endIfStalled(now);
    }
    if (this.#candidates.size > 0 || this.#inUse.length < this.#init.size) return;
    const sinceMs = now - this.#candidateAt;
    const isDue = sinceMs >= this.#pauseMs && this.#queries - this.#queriesAtCandidate >= QUERIES_PER_CANDIDATE;
    const hasOutlier = sinceMs >= OUTLIER_PAUSE_MS && this.#inUse.some(({ isOutlier }) => isOutlier);
    if (!isDue && !hasOutlier) return;
    if (isDue) this.#pauseMs = Math.min(LONGEST_PAUSE_MS, 1.5 * this.#pauseMs);
    if (this.#components.breaker.isHealthy && this.#openCandidate()) this.#recordCandidate(now);
  }

  /**
   * Opens candidates if no connection gives usable answers. The resolver itself may be at fault, so the pause between
   * them doubles until a connection is reliable.
   * @returns whether there is a candidate to wait for
   */
  openFallback(): boolean {
    if (this.#inUse.some(({ isReliable }) => isReliable)) {
      this.#fallbackPauseMs = FIRST_FALLBACK_PAUSE_MS;
      return false;
    }
    if (this.isOpening) return true;
    const now = this.#components.clock.now();
    if (now < this.#nextFallbackAt || !this.#openCandidate()) return false;
    // The first time, one candidate for each slot: it is more likely that one of several works.
    const more = this.#fallbackPauseMs === FIRST_FALLBACK_PAUSE_MS ? this.#init.size - 1 : 0;
    for (let i = 0; i < more && this.#openCandidate(); i++);
    this.#nextFallbackAt = now + this.#fallbackPauseMs;
    this.#fallbackPauseMs = Math.min(LONGEST_PAUSE_MS, 2 * this.#fallbackPauseMs);
    return true;
  }

  #recordCandidate(now: number): void {
    this.#candidateAt = now;
    this.#queriesAtCandidate = this.#queries;
  }

  /** The ready connection with the lowest expected response time, preferably one that is not avoided or doubtful. */
  best(except: ReadonlySet<PooledConnection>): PooledConnection | undefined {
    const now = this.#components.clock.now();
    let best: PooledConnection | undefined;
    let bestMs = Infinity;
    let isBestAvoided = true;
    for (const connection of this.#slots) {
      if (connection === undefined || except.has(connection) || !connection.isReady(now)) continue;
      const isAvoided = connection.isDoubtful || connection.isAvoided(now);
      const expectedMs = connection.expectedMs(now);
      const isBetter = isAvoided === isBestAvoided ? expectedMs < bestMs : isBestAvoided;
      if (best !== undefined && !isBetter) continue;
      best = connection;
      bestMs = expectedMs;
      isBestAvoided = isAvoided;
    }
    return best;
  }

  /** Whether a query can be sent now. */
  get hasCapacity(): boolean {
    const now = this.#components.clock.now();
    return this.#slots.some((connection) => connection?.isReady(now));
  }

  /** Whether a query can be sent now on a connection that may give a usable answer. */
  hasPromising(except: ReadonlySet<PooledConnection>): boolean {
    const now = this.#components.clock.now();
    return this.#inUse.some(
      (connection) => !except.has(connection) && !connection.isDoubtful && connection.isReady(now),
    );
  }

  /**
   * The error with which to reject queries if Retry-After is in force on every open connection and no candidate is
   * being opened; undefined otherwise.
   */
  retryAfterError(): Dns4torError | undefined {
    if (this.isOpening) return undefined;
    const now = this.#components.clock.now();
    let error: Dns4torError | undefined;
    for (const connection of this.#inUse) {
      error = connection.retryAfterError(now);
      if (error === undefined) return undefined;
    }
    return error;
  }

  /** Replaces all connections: after a sleep or a change of network they may be dead, though they look open. */
  renew(): void {
    const wasUsed = this.#queries > 0;
    for (const connection of this.#inUse) this.#vacate(connection, 'network');
    for (const candidate of this.#candidates) void this.#discard(candidate);
    this.#spare = this.#init.candidates - this.#init.size;
    this.#pauseMs = FIRST_PAUSE_MS;
    if (wasUsed) this.fill();
  }

  /** @returns false if the breaker allows no attempt now */
  #openCandidate(): boolean {
    const { createConnection, onCapacityChange, breaker } = this.#components;
    if (!breaker.mayAttempt) return false;
    const owner: PooledConnectionOwner = {
      onCapacityChange,
      onOpen: (opened) => this.#onOpen(opened),
      onSettled: (connection) => this.#closeIfDrained(connection),
      onEnd: (ended, cause) => this.#onEnd(ended, cause),
    };
    const candidate = createConnection(owner, this.#slots.indexOf(undefined));
    this.#candidates.add(candidate);
    return candidate.open();
  }

  #onOpen(candidate: PooledConnection): void {
    this.#candidates.delete(candidate);
    const empty = this.#slots.indexOf(undefined);
    const loser = empty >= 0 ? undefined : this.#loserTo(candidate);
    if (empty < 0 && loser === undefined) void this.#discard(candidate);
    else {
      if (loser !== undefined) this.#vacate(loser, loser.isOutlier || loser.isDoubtful ? 'failing' : 'slow');
      candidate.slot = loser?.slot ?? empty;
      this.#slots[candidate.slot] = candidate;
      candidate.ping();
      this.#components.onCapacityChange();
    }
    this.#reportNoCandidate();
  }

  #reportNoCandidate(): void {
    if (!this.isOpening) this.#components.onNoCandidate();
  }

  /** The connection that `candidate` replaces: one that fails, or else the slowest one if it is clearly slower. */
  #loserTo(candidate: PooledConnection): PooledConnection | undefined {
    const now = this.#components.clock.now();
    const failing = this.#inUse.find(({ isOutlier, isDoubtful }) => isOutlier || isDoubtful);
    if (failing !== undefined) return failing;
    const slowest = this.#inUse.reduce((a, b) => (b.expectedMs(now) > a.expectedMs(now) ? b : a));
    return candidate.expectedMs(now) < CLEARLY_FASTER * slowest.expectedMs(now) ? slowest : undefined;
  }

  #onEnd(connection: PooledConnection, cause: 'unopened' | 'ended' | 'stalled'): boolean {
    if (this.#candidates.delete(connection)) {
      this.#reportNoCandidate();
      // If a spare candidate cannot be opened, that is no sign of an outage.
      return this.#inUse.length === this.#init.size;
    }
    if (this.#slots[connection.slot] !== connection || cause === 'unopened') return false;
    const isExcused = this.#components.onLost(connection);
    this.#vacate(connection, cause);
    return isExcused;
  }

  /** Empties the connection's slot. The connection is closed when its queries in flight have ended. */
  #vacate(connection: PooledConnection, cause: ReconnectCause): void {
    this.#components.onReplace(connection.slot, cause);
    this.#slots[connection.slot] = undefined;
    const timer = this.#components.clock.schedule(DRAIN_MS, () => void this.#discard(connection));
    this.#draining.set(connection, timer);
    this.#closeIfDrained(connection);
  }

  #closeIfDrained(connection: PooledConnection): void {
    if (connection.inFlight === 0 && this.#draining.has(connection)) void this.#discard(connection);
  }

  async #discard(connection: PooledConnection): Promise<void> {
    this.#candidates.delete(connection);
    this.#draining.get(connection)?.cancel();
    this.#draining.delete(connection);
    await connection[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      [...this.#inUse, ...this.#candidates, ...this.#draining.keys()].map((connection) => this.#discard(connection)),
    );
  }
}
