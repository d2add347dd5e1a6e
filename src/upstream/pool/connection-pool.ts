import type { BreakerState, ConnectionStatus } from '../../model/upstream-status.ts';
import type { Clock, Timer } from '../../lib/clock.ts';
import { Dns4torError } from '../../failures/errors.ts';
import type { ErrorCode } from '../../failures/failures.ts';
import type { Random } from '../../lib/random.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import { Breaker } from './breaker.ts';
import type { AnswerEvents, ConnectionLike } from './pooled-connection.ts';
import { QUERIES_PER_CANDIDATE } from './connection-set.ts';
import type { ConnectionOwner } from './connection.ts';
import type { RetryBudget } from './retry-budget.ts';
import { Generation } from './generation.ts';
import { LatencyModel } from './latency-estimate.ts';
import type { PooledUpstream, ExchangeContext } from '../upstream.ts';

export interface ConnectionPoolComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly answerEvents?: AnswerEvents;
  /** Pays for hedges. */
  readonly budget: RetryBudget;
  /** Creates a connection with new SOCKS credentials, without opening it. */
  readonly createConnection: (breaker: Breaker, owner: ConnectionOwner) => ConnectionLike;
  /** Called before {@link ConnectionPool.renewAll} replaces the connections. */
  readonly onRenew?: () => void;
  /** Number of alternative services (RFC 7838) that may be used now. Absent: they are not used. */
  readonly countAlternatives?: () => number;
}

export interface ConnectionPoolInit {
  /** The resolver's URL, for logs. */
  readonly address: string;
  /** Its place in the configured order. */
  readonly index: number;
  /** Circuits kept in use; at least 1. */
  readonly size: number;
  /**
   * Circuits opened at first, of which the fastest are kept.
   * @default size
   */
  readonly candidates?: number;
  /** How long a generation of circuits is used, give or take a fifth. */
  readonly lifetimeMs: number;
}

/** Lifetimes vary by this share, so that their length does not tell one client from another. */
const LIFETIME_JITTER = 0.2;

/** How long the first circuit of a new generation is used alone, before the others are open, at most. */
const COMPLETION_MS = 5000;

/** Pause between two attempts to begin a new generation, if no circuit could be opened. */
const RETRY_MS = 30_000;

/** Longest time that an old generation stays open for the queries that began in it. */
const DRAIN_MS = 30_000;

/**
 * Several circuits to one resolver, each with its own connection. Circuits differ in speed by far more than anything
 * else does, and their speed shows before the first query.
 *
 * 1. More candidates are opened than are kept. The first to be open are kept; queries use the first one at once.
 * 2. While queries are sent, single candidates follow now and then. One that is clearly faster than the slowest circuit
 *    takes its place. An idle machine opens none.
 * 3. Each circuit's typical response time is estimated from the time its connection took to open, from round trips
 *    (PING) and from answers. The estimate follows drift.
 * 4. A query goes to the circuit with the lowest estimate. A circuit that is silent counts as slow only if no query
 *    sent later has been answered.
 * 5. After the 83rd percentile of that circuit's own response times, the query also goes to the next best circuit. Such
 *    hedges are paid from a budget of a fifth of all queries.
 * 6. A response that is not a usable answer makes the query go to another circuit at once. If that one answers, the
 *    first one is avoided, and soon replaced.
 * 7. If the resolver asks to wait (Retry-After), that circuit gets no query until then.
 * 8. A connection on which several queries wait far beyond their time, without any answer, is replaced.
 * 9. All circuits are replaced together by a new generation when their lifetime is over. A query never leaves the
 *    generation in which it began, so the resolver cannot link two generations by a hedged or retried query.
 * 10. After failures, a breaker spaces the attempts to connect; in an outage it refuses queries at once.
 */
export class ConnectionPool implements PooledUpstream {
  readonly address: string;
  readonly #components: ConnectionPoolComponents;
  readonly #init: ConnectionPoolInit;
  readonly #breaker: Breaker;
  readonly #model = new LatencyModel();
  #current: Generation;
  /** The next generation, while its first circuits are being opened. */
  #next: Generation | undefined;
  /** Old generations with queries in flight; and what closes each at last. */
  readonly #draining = new Map<Generation, Timer>();
  #timer: Timer | undefined;
  /** When the current generation began, sleep included. */
  #begunAt = 0;
  /**
   * Candidates of the next generation besides the circuits that are kept: the queries of the one before pay for them.
   */
  #spare = Infinity;
  #closed = false;

  constructor(components: ConnectionPoolComponents, init: ConnectionPoolInit) {
    this.address = init.address;
    this.#components = components;
    this.#init = init;
    this.#breaker = new Breaker(components, {
      isServing: () => this.openConnections > 0,
      onOpen: (reason) => {
        for (const generation of this.#all) generation.refuse(reason);
      },
      onMayConnect: () => {
        this.#current.open();
        this.#next?.open();
      },
    });
    this.#current = this.#create();
    this.#begin(this.#current);
  }

  get openConnections(): number {
    return this.#sum(({ openConnections }) => openConnections);
  }

  /** Queries that wait for a connection or are on one. */
  get queueDepth(): number {
    return this.#sum(({ queueDepth }) => queueDepth);
  }

  get breakerStates(): readonly BreakerState[] {
    return [this.#breaker.state];
  }

  get connections(): readonly ConnectionStatus[] {
    return this.#current.connections;
  }

  get failure(): ErrorCode | undefined {
    return this.#breaker.lastError?.code;
  }

  get alternatives(): number | undefined {
    return this.#components.countAlternatives?.();
  }

  /**
   * Replaces all circuits, after a sleep or a change of network. They stay one generation, so that queries in flight
   * can go on, unless its lifetime has passed in the sleep.
   */
  renewAll(): void {
    this.#components.onRenew?.();
    if (this.#ageMs >= this.#init.lifetimeMs) this.#replace(this.#create());
    else for (const generation of this.#all) generation.renew();
  }

  async exchange(query: Uint8Array, context: ExchangeContext): Promise<Uint8Array> {
    if (this.#closed) throw new Dns4torError('ERR_SHUTDOWN');
    // Leak mutation: generation
    return this.#current.exchange(query, context);
  }

  get #all(): readonly Generation[] {
    return [this.#current, ...(this.#next === undefined ? [] : [this.#next]), ...this.#draining.keys()];
  }

  #sum(count: (generation: Generation) => number): number {
    return this.#all.reduce((sum, generation) => sum + count(generation), 0);
  }

  #create(): Generation {
    const { size, candidates: most = size, address, index } = this.#init;
    const candidates = Math.min(most, size + this.#spare);
    const generation: Generation = new Generation(
      {
        ...this.#components,
        model: this.#model,
        breaker: this.#breaker,
        onChange: () => this.#changed(generation),
        onSettled: () => this.#closeIfDrained(generation),
      },
      { size, candidates, address, index },
    );
    return generation;
  }

  #begin(generation: Generation): void {
    const { clock, random } = this.#components;
    this.#current = generation;
    this.#begunAt = this.#bootMs();
    const jitter = 1 - LIFETIME_JITTER + 2 * LIFETIME_JITTER * random.fraction();
    this.#timer?.cancel();
    // Leak mutation: lifetime
    this.#timer = clock.schedule(this.#init.lifetimeMs * jitter, () => this.#endOfLife());
  }

  #endOfLife(): void {
    // A machine that asks nothing builds no circuits: the first query opens them.
    const { queries } = this.#current;
    if (queries === 0) return this.#replace(this.#create());
    this.#spare = Math.floor(queries / QUERIES_PER_CANDIDATE);
    this.#next = this.#create();
    this.#next.open();
    // What is open by then takes over. Otherwise the old generation goes on for a while.
    this.#timer = this.#components.clock.schedule(RETRY_MS, () => {
      const next = this.#next;
      this.#next = undefined;
      void next?.[Symbol.asyncDispose]();
      this.#endOfLife();
    });
  }

  /** The next generation takes over when its circuits are open, or a while after the first one. */
  #changed(generation: Generation): void {
    const next = this.#next;
    if (next === undefined || generation !== next || next.opened === 0) return;
    if (next.opened >= this.#init.size) return this.#takeOver(next);
    const { clock } = this.#components;
    this.#timer?.cancel();
    this.#timer = clock.schedule(COMPLETION_MS, () => this.#takeOver(next));
  }

  #takeOver(next: Generation): void {
    this.#next = undefined;
    for (const { slot, state } of this.#current.connections) {
      if (state === 'open') this.#components.metrics.reconnected(this.#init.index, slot, 'lifetime');
    }
    this.#replace(next);
  }

  #replace(next: Generation): void {
    const old = this.#current;
    this.#begin(next);
    this.#draining.set(
      old,
      this.#components.clock.schedule(DRAIN_MS, () => void this.#discard(old)),
    );
    this.#closeIfDrained(old);
  }

  /** A query may be retried on the old generation, so what counts is its queries, not its circuits. */
  #closeIfDrained(old: Generation): void {
    if (old.pending === 0 && this.#draining.has(old)) void this.#discard(old);
  }

  async #discard(old: Generation): Promise<void> {
    this.#draining.get(old)?.cancel();
    this.#draining.delete(old);
    await old[Symbol.asyncDispose]();
  }

  get #ageMs(): number {
    return this.#bootMs() - this.#begunAt;
  }

  #bootMs(): number {
    const { clock } = this.#components;
    try {
      return clock.bootMs();
    } catch {
      // The system does not tell: then sleep is not counted.
      return clock.now();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    this.#breaker[Symbol.dispose]();
    await Promise.all(this.#all.map((generation) => this.#discard(generation)));
  }
}
