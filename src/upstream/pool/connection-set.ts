import type { Clock, Timer } from '../../lib/clock.ts';
import type { Dns4torError } from '../../failures/errors.ts';
import type { ReconnectCause } from '../../metrics/metrics.ts';
import type { Breaker } from './breaker.ts';
import { SLOW_ATTEMPT_MS } from './breaker.ts';
import type { PooledConnection, PooledConnectionOwner } from './pooled-connection.ts';

export interface ConnectionSetComponents {
  readonly clock: Clock;
  readonly breaker: Breaker;
  /** Creates a circuit, without opening it, with new SOCKS credentials. */
  readonly createCircuit: (owner: PooledConnectionOwner, slot: number) => PooledConnection;
  /** A circuit has been opened or has more room. */
  readonly onChange: () => void;
  /** The last candidate is open, or could not be opened. */
  readonly onNoCandidate: () => void;
  /**
   * The connection of a circuit in use ended.
   * @returns as {@link PooledConnectionOwner.onEnd}
   */
  readonly onLost: (circuit: PooledConnection) => boolean;
  /** A circuit in use gives way to another, or has ended. */
  readonly onReplace: (slot: number, cause: ReconnectCause) => void;
}

export interface ConnectionSetInit {
  /** Circuits kept in use; at least 1. */
  readonly size: number;
  /** Circuits opened at first, of which the fastest are kept; at least `size`. */
  readonly candidates: number;
}

/** A new circuit takes the place of the slowest one only if it is expected to need less than this share of its time. */
const CLEARLY_FASTER = 0.9;

/**
 * Pauses before single candidates, while queries are sent: first this one, later the longer one. Each costs relays and
 * the onion service work.
 */
const FIRST_PAUSE_MS = 10_000;
const LONGEST_PAUSE_MS = 120_000;

/** Queries for each single candidate, at least. */
export const QUERIES_PER_CANDIDATE = 20;

/** Pause between two replacements of circuits that fail where others answer. */
const UNFIT_PAUSE_MS = 3000;

/** Pause after a candidate that was opened because no circuit gave a usable answer. */
const FIRST_ANOTHER_PAUSE_MS = 500;

/** Round trips are measured so often at most, and once for so many queries. */
const PING_MS = 5000;
const QUERIES_PER_PING = 3;

/** Longest time that a circuit which was replaced stays open for the queries in flight on it. */
const DRAIN_MS = 30_000;

/** The circuits that are in use, and the candidates for their places. */
export class ConnectionSet implements AsyncDisposable {
  readonly #components: ConnectionSetComponents;
  readonly #init: ConnectionSetInit;
  /** In use, by slot. */
  readonly #slots: (PooledConnection | undefined)[];
  /** Being opened. */
  readonly #candidates = new Set<PooledConnection>();
  /** Replaced or ended, with queries in flight; and what closes each at last. */
  readonly #leaving = new Map<PooledConnection, Timer>();
  /** Candidates that are to be opened besides those for free places. */
  #spare: number;
  #queries = 0;
  #auditionedAt = -Infinity;
  #queriesAtAudition = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #anotherAt = -Infinity;
  #anotherPauseMs = FIRST_ANOTHER_PAUSE_MS;
  #pingedAt = -Infinity;
  #queriesAtPing = 0;

  constructor(components: ConnectionSetComponents, init: ConnectionSetInit) {
    this.#components = components;
    this.#init = init;
    this.#slots = Array.from({ length: init.size });
    this.#spare = init.candidates - init.size;
  }

  /** By slot; undefined where none is open. */
  get slots(): readonly (PooledConnection | undefined)[] {
    return this.#slots;
  }

  /** Open circuits, those that only finish their queries included. */
  get open(): readonly PooledConnection[] {
    return [...this.#inUse, ...this.#leaving.keys()].filter(({ isOpen }) => isOpen);
  }

  get inFlight(): number {
    return [...this.#inUse, ...this.#leaving.keys()].reduce((sum, { inFlight }) => sum + inFlight, 0);
  }

  get isOpening(): boolean {
    return this.#candidates.size > 0;
  }

  /** Queries sent so far. */
  get queries(): number {
    return this.#queries;
  }

  get #inUse(): PooledConnection[] {
    return this.#slots.filter((circuit) => circuit !== undefined);
  }

  /**
   * Opens candidates for all places that are free, as far as the breaker permits. At first, and if all places are free
   * later, more are opened than are kept: the first to be open are kept. Nobody waits for the others.
   */
  fill(): void {
    const { size, candidates } = this.#init;
    const now = this.#components.clock.now();
    const free = size - this.#inUse.length;
    if (free === size && this.#spare === 0) {
      const earned = Math.floor((this.#queries - this.#queriesAtAudition) / QUERIES_PER_CANDIDATE);
      this.#spare = Math.min(candidates - size, earned);
    }
    const wanted = free + this.#spare;
    if (wanted === 0) return;
    let opening = [...this.#candidates].filter(({ openingSince }) => now - openingSince < SLOW_ATTEMPT_MS).length;
    while (opening < wanted && this.#openCandidate()) opening++;
    if (opening < wanted) return;
    if (this.#spare > 0 || free === size) this.#auditioned(now);
    this.#spare = 0;
  }

  /** Called for each query that is sent: opens a candidate now and then, and measures what queries do not. */
  look(): void {
    const now = this.#components.clock.now();
    this.#queries++;
    const isTimeToPing = now - this.#pingedAt >= PING_MS && this.#queries - this.#queriesAtPing >= QUERIES_PER_PING;
    if (isTimeToPing) {
      this.#pingedAt = now;
      this.#queriesAtPing = this.#queries;
    }
    for (const circuit of this.#inUse) {
      if (isTimeToPing) circuit.ping();
      circuit.endIfStalled(now);
    }
    if (this.#candidates.size > 0 || this.#inUse.length < this.#init.size) return;
    const sinceMs = now - this.#auditionedAt;
    const isDue = sinceMs >= this.#pauseMs && this.#queries - this.#queriesAtAudition >= QUERIES_PER_CANDIDATE;
    const isUnfit = sinceMs >= UNFIT_PAUSE_MS && this.#inUse.some((circuit) => circuit.isUnfit);
    if (!isDue && !isUnfit) return;
    if (isDue) this.#pauseMs = Math.min(LONGEST_PAUSE_MS, 1.5 * this.#pauseMs);
    if (this.#components.breaker.isUntroubled && this.#openCandidate()) this.#auditioned(now);
  }

  /**
   * Opens candidates because no circuit gives a query a usable answer. The pause between them doubles, until one works:
   * the resolver itself may be at fault.
   * @returns whether there is one to wait for
   */
  openAnother(): boolean {
    if (this.#inUse.some(({ isReliable }) => isReliable)) {
      this.#anotherPauseMs = FIRST_ANOTHER_PAUSE_MS;
      return false;
    }
    if (this.isOpening) return true;
    const now = this.#components.clock.now();
    if (now < this.#anotherAt || !this.#openCandidate()) return false;
    // The first time, as many as are kept: one of them is more likely to work than a single one.
    const more = this.#anotherPauseMs === FIRST_ANOTHER_PAUSE_MS ? this.#init.size - 1 : 0;
    for (let i = 0; i < more && this.#openCandidate(); i++);
    this.#anotherAt = now + this.#anotherPauseMs;
    this.#anotherPauseMs = Math.min(LONGEST_PAUSE_MS, 2 * this.#anotherPauseMs);
    return true;
  }

  #auditioned(now: number): void {
    this.#auditionedAt = now;
    this.#queriesAtAudition = this.#queries;
  }

  /**
   * The circuit that is expected to answer first.
   * @param except circuits that are not to be used
   */
  best(except: ReadonlySet<PooledConnection>): PooledConnection | undefined {
    const now = this.#components.clock.now();
    let best: PooledConnection | undefined;
    let bestMs = Infinity;
    let isBestAvoided = true;
    for (const circuit of this.#slots) {
      if (circuit === undefined || except.has(circuit) || !circuit.isReady(now)) continue;
      const isAvoided = circuit.isDoubtful || circuit.isAvoided(now);
      const expectedMs = circuit.expectedMs(now);
      const isBetter = isAvoided === isBestAvoided ? expectedMs < bestMs : isBestAvoided;
      if (best !== undefined && !isBetter) continue;
      best = circuit;
      bestMs = expectedMs;
      isBestAvoided = isAvoided;
    }
    return best;
  }

  /** Whether a query could be sent at once. */
  hasRoom(except: ReadonlySet<PooledConnection>): boolean {
    const now = this.#components.clock.now();
    return this.#slots.some((circuit) => circuit !== undefined && !except.has(circuit) && circuit.isReady(now));
  }

  /** Whether a query could be sent at once on a circuit that is not known to give unusable answers. */
  hasHope(except: ReadonlySet<PooledConnection>): boolean {
    const now = this.#components.clock.now();
    return this.#inUse.some((circuit) => !except.has(circuit) && !circuit.isDoubtful && circuit.isReady(now));
  }

  /**
   * Why no query may be sent for a while, if each open circuit was told to wait (Retry-After) and none is being opened.
   */
  refusal(): Dns4torError | undefined {
    if (this.isOpening) return undefined;
    const now = this.#components.clock.now();
    let refusal: Dns4torError | undefined;
    for (const circuit of this.#inUse) {
      refusal = circuit.refusal(now);
      if (refusal === undefined) return undefined;
    }
    return refusal;
  }

  /**
   * Replaces all circuits: after a sleep or a change of network their connections may be dead, though they look open.
   */
  renew(): void {
    const wasUsed = this.#queries > 0;
    for (const circuit of this.#inUse) this.#leave(circuit, 'network');
    for (const candidate of this.#candidates) void this.#discard(candidate);
    this.#spare = this.#init.candidates - this.#init.size;
    this.#pauseMs = FIRST_PAUSE_MS;
    if (wasUsed) this.fill();
  }

  /** @returns false if no attempt may be made now */
  #openCandidate(): boolean {
    const { createCircuit, onChange, breaker } = this.#components;
    if (!breaker.permits) return false;
    const owner: PooledConnectionOwner = {
      onChange,
      onOpen: (opened) => this.#opened(opened),
      onSettled: (circuit) => this.#closeIfDrained(circuit),
      onEnd: (ended, cause) => this.#ended(ended, cause),
    };
    const candidate = createCircuit(owner, this.#slots.indexOf(undefined));
    this.#candidates.add(candidate);
    return candidate.open();
  }

  #opened(candidate: PooledConnection): void {
    this.#candidates.delete(candidate);
    const free = this.#slots.indexOf(undefined);
    const loser = free >= 0 ? undefined : this.#loserTo(candidate);
    if (free < 0 && loser === undefined) void this.#discard(candidate);
    else {
      if (loser !== undefined) this.#leave(loser, loser.isUnfit || loser.isDoubtful ? 'failing' : 'slow');
      candidate.slot = loser?.slot ?? free;
      this.#slots[candidate.slot] = candidate;
      candidate.ping();
      this.#components.onChange();
    }
    this.#noteNoCandidate();
  }

  #noteNoCandidate(): void {
    if (!this.isOpening) this.#components.onNoCandidate();
  }

  /** The circuit whose place `candidate` takes: one that fails, or else the slowest if it is clearly slower. */
  #loserTo(candidate: PooledConnection): PooledConnection | undefined {
    const now = this.#components.clock.now();
    const unfit = this.#inUse.find(({ isUnfit, isDoubtful }) => isUnfit || isDoubtful);
    if (unfit !== undefined) return unfit;
    const slowest = this.#inUse.reduce((a, b) => (b.expectedMs(now) > a.expectedMs(now) ? b : a));
    return candidate.expectedMs(now) < CLEARLY_FASTER * slowest.expectedMs(now) ? slowest : undefined;
  }

  #ended(circuit: PooledConnection, cause: 'unopened' | 'ended' | 'stalled'): boolean {
    if (this.#candidates.delete(circuit)) {
      this.#noteNoCandidate();
      // A spare that cannot be opened is no sign of an outage.
      return this.#inUse.length === this.#init.size;
    }
    if (this.#slots[circuit.slot] !== circuit || cause === 'unopened') return false;
    const isExcused = this.#components.onLost(circuit);
    this.#leave(circuit, cause);
    return isExcused;
  }

  #leave(circuit: PooledConnection, cause: ReconnectCause): void {
    this.#components.onReplace(circuit.slot, cause);
    this.#slots[circuit.slot] = undefined;
    const timer = this.#components.clock.schedule(DRAIN_MS, () => void this.#discard(circuit));
    this.#leaving.set(circuit, timer);
    this.#closeIfDrained(circuit);
  }

  #closeIfDrained(circuit: PooledConnection): void {
    if (circuit.inFlight === 0 && this.#leaving.has(circuit)) void this.#discard(circuit);
  }

  async #discard(circuit: PooledConnection): Promise<void> {
    this.#candidates.delete(circuit);
    this.#leaving.get(circuit)?.cancel();
    this.#leaving.delete(circuit);
    await circuit[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      [...this.#inUse, ...this.#candidates, ...this.#leaving.keys()].map((circuit) => this.#discard(circuit)),
    );
  }
}
