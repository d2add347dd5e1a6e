import { Dns4torError } from '../../failures/errors.ts';
import type { ErrorCode } from '../../failures/failures.ts';
import type { Clock, Timer } from '../../lib/clock.ts';
import type { Random } from '../../lib/random.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { BreakerState, ConnectionStatus } from '../../model/upstream-status.ts';
import type { ExchangeContext, PooledUpstream } from '../upstream.ts';
import { Breaker } from './breaker.ts';
import type { ConnectionOwner } from './connection.ts';
import { QUERIES_PER_CANDIDATE } from './connection-set.ts';
import { Generation } from './generation.ts';
import { LatencyModel } from './latency-estimate.ts';
import type { AnswerEvents, ConnectionLike } from './pooled-connection.ts';
import type { RetryBudget } from './retry-budget.ts';

/** What a {@link ConnectionPool} needs from the rest of the program. */
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
  /** See {@link PooledUpstream.alternatives}. */
  readonly countAlternatives?: () => number;
}

interface ConnectionPoolInit {
  /** The resolver's URL, for logs. */
  readonly address: string;
  /** The upstream's index in the configured order. */
  readonly index: number;
  /** Connections kept in use; at least 1. */
  readonly size: number;
  /**
   * Connections opened at first, of which the fastest are kept.
   * @default size
   */
  readonly candidates?: number;
  /** How long a generation of connections is used, plus or minus a fifth. */
  readonly lifetimeMs: number;
}

/** Lifetimes vary at random by up to this share, so that their length identifies no client. */
const LIFETIME_JITTER = 0.2;

/** Longest wait, after the first connection of a new generation, for the others before the generation takes over. */
const COMPLETION_MS = 5000;

/** Pause before another attempt to start a new generation, if none of its connections could be opened. */
const RETRY_MS = 30_000;

/** Longest time that an old generation stays open for its queries in flight. */
const DRAIN_MS = 30_000;

/**
 * Several connections to one resolver, each over a Tor circuit of its own. The speed of the circuit dominates response
 * times, differs widely between circuits, and shows before the first query.
 *
 * 1. More candidates are opened than connections are kept. The first to be open are kept, and queries use the first one
 *    at once.
 * 2. While queries are sent, a single candidate follows from time to time. If it is clearly faster than the slowest
 *    connection, it replaces that one. An idle machine opens none.
 * 3. Each connection's typical response time is estimated from the time that it took to open, from round trips (PING)
 *    and from answers. The estimate follows drift.
 * 4. A query goes to the connection with the lowest estimate. Silence counts as slowness only if no query sent later
 *    has been answered.
 * 5. If the answer is later than the 83rd percentile of the connection's response times, the query is hedged: it is
 *    also sent on the next best connection. A budget of a fifth of all queries pays for hedges.
 * 6. After an unusable response, the query is sent on another connection at once. If that one answers, the first one is
 *    avoided, and soon replaced.
 * 7. While a Retry-After field of the resolver is in force, its connection gets no query.
 * 8. A connection is replaced if several queries on it are overdue and none is answered.
 * 9. At the end of their lifetime, a new generation replaces all connections together. A query never leaves the
 *    generation in which it began, so the resolver cannot link two generations by a hedged or retried query.
 * 10. After failures, a circuit breaker spaces the attempts to connect. In an outage it rejects queries at once.
 */
export class ConnectionPool implements PooledUpstream {
  readonly address: string;
  readonly #components: ConnectionPoolComponents;
  readonly #init: ConnectionPoolInit;
  readonly #breaker: Breaker;
  readonly #model = new LatencyModel();
  #current: Generation;
  /** The next generation, while its first connections are being opened. */
  #next: Generation | undefined;
  /** Old generations with queries in flight, and the timer that closes each at the latest. */
  readonly #draining = new Map<Generation, Timer>();
  /** Runs until the next step of the rotation: the end of a lifetime, a take-over or a retry. */
  #timer: Timer | undefined;
  /** When the current generation began, on a clock that includes sleep. */
  #begunAt = 0;
  /** Spare candidates that the next generation may open, earned by the queries of the current one. */
  #spare = Infinity;
  #isClosed = false;

  constructor(components: ConnectionPoolComponents, init: ConnectionPoolInit) {
    this.address = init.address;
    this.#components = components;
    this.#init = init;
    this.#breaker = new Breaker(components, {
      hasOpenConnection: () => this.openConnections > 0,
      onOpen: (reason) => {
        for (const generation of this.#all) generation.rejectWaiting(reason);
      },
      onAttemptAllowed: () => {
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
   * Replaces all connections, after a sleep or a change of network. The generation stays, so that its queries in flight
   * can continue, unless its lifetime has passed during the sleep.
   */
  renewAll(): void {
    this.#components.onRenew?.();
    if (this.#ageMs >= this.#init.lifetimeMs) this.#replace(this.#create());
    else for (const generation of this.#all) generation.renew();
  }

  async exchange(query: Uint8Array, context: ExchangeContext): Promise<Uint8Array> {
    if (this.#isClosed) throw new Dns4torError('ERR_SHUTDOWN');
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
        onCapacityChange: () => this.#onCapacityChange(generation),
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

  /** Starts the rotation to the next generation. */
  #endOfLife(): void {
    // An idle machine builds no circuits. The first query opens connections in the next generation.
    const { queries } = this.#current;
    if (queries === 0) return this.#replace(this.#create());
    this.#spare = Math.floor(queries / QUERIES_PER_CANDIDATE);
    this.#next = this.#create();
    this.#next.open();
    // If no connection is open by then, the old generation stays in use, and the rotation starts again.
    this.#timer = this.#components.clock.schedule(RETRY_MS, () => {
      const next = this.#next;
      this.#next = undefined;
      void next?.[Symbol.asyncDispose]();
      this.#endOfLife();
    });
  }

  /** Lets the next generation take over when all its connections are open, or {@link COMPLETION_MS} after the first. */
  #onCapacityChange(generation: Generation): void {
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

  /** A query of the old generation may still be retried in it, so the generation stays while any is pending. */
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
      // The system does not report it, so sleep is not counted.
      return clock.now();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#breaker[Symbol.dispose]();
    await Promise.all(this.#all.map((generation) => this.#discard(generation)));
  }
}
