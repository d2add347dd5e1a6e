import type { Socket } from 'node:net';
import { Dns4torError, toDns4torError } from '../../failures/errors.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Deadline } from '../../lib/deadline.ts';
import type { Connect, CreateSession, Session } from '../transport/session.ts';
import type { Attempt, Breaker } from './breaker.ts';

/** Receives the outcome of attempts to connect, for logs and metrics. */
export interface ConnectionEvents {
  connected(durationMs: number): void;
  /** @param pauseMs time until the next attempt is allowed */
  connectFailed(error: Dns4torError, pauseMs: number): void;
}

/** What a connection reports to its owner. Durations are in milliseconds. */
export interface ConnectionOwner {
  /** @param durationMs time that it took to open the connection */
  onOpen(durationMs: number): void;
  /** The connection can take more queries than before, or no more queries at all. */
  onCapacityChange(): void;
  onRoundTrip(durationMs: number): void;
  /**
   * The connection could not be opened, or it was open and takes no more queries.
   * @returns whether the breaker should ignore it: the connection was a spare, or a query on it may be the cause
   */
  onEnd(cause: 'unopened' | 'ended' | 'stalled'): boolean;
}

/** What a {@link Connection} needs from the rest of the program. */
export interface ConnectionComponents {
  readonly clock: Clock;
  readonly connect: Connect;
  readonly createSession: CreateSession;
  /** Shared by all connections to the resolver. */
  readonly breaker: Breaker;
  readonly events: ConnectionEvents;
}

/**
 * A connection that ends sooner, without an answer, counts as a failed attempt: the server would probably end the next
 * one as well. Idle time-outs are longer.
 */
const SHORT_LIFE_MS = 2000;

/** One connection to the resolver: the attempt to open it, under the control of the breaker, then one session. */
export class Connection implements AsyncDisposable {
  readonly #components: ConnectionComponents;
  readonly #owner: ConnectionOwner;
  /** The session, while it takes queries. */
  #session: Session | undefined;
  /** The session, from when it takes no more queries until its socket is closed. */
  #retired: Session | undefined;
  #isStarted = false;
  #openedAt = -Infinity;
  #isDisposed = false;

  constructor(components: ConnectionComponents, owner: ConnectionOwner) {
    this.#components = components;
    this.#owner = owner;
  }

  get isOpen(): boolean {
    return this.#session !== undefined;
  }

  /** Number of queries that can be sent now. */
  get capacity(): number {
    return this.#session?.capacity ?? 0;
  }

  /** Queries that have been sent and not yet answered. */
  get inFlight(): number {
    return (this.#session ?? this.#retired)?.inFlight ?? 0;
  }

  /** See {@link Session.exchange}. Rejects with ERR_UPSTREAM_CONNECTION if the connection is not open. */
  exchange(query: Uint8Array, deadline: Deadline): Promise<Uint8Array> {
    if (this.#session !== undefined) return this.#session.exchange(query, deadline);
    return Promise.reject(new Dns4torError(this.#isDisposed ? 'ERR_SHUTDOWN' : 'ERR_UPSTREAM_CONNECTION'));
  }

  /** See {@link Session.ping}. */
  ping(): void {
    this.#session?.ping();
  }

  /** Ends the connection because queries on it get no answer. They reject with ERR_UPSTREAM_STALLED. */
  stall(): void {
    this.#session?.destroy(new Dns4torError('ERR_UPSTREAM_STALLED'));
  }

  /**
   * Starts to open the connection, once. The outcome is reported to the owner.
   * @returns false, with no effect, if the breaker allows no attempt now
   */
  open(): boolean {
    if (this.#isStarted || this.#isDisposed) return false;
    const attempt = this.#components.breaker.beginAttempt();
    if (attempt === undefined) return false;
    this.#isStarted = true;
    void this.#connect(attempt);
    return true;
  }

  /** Never rejects. */
  async #connect(attempt: Attempt): Promise<void> {
    const { clock, connect } = this.#components;
    const startedAt = clock.now();
    let socket: Socket;
    try {
      socket = await connect();
    } catch (thrown) {
      attempt.end();
      return this.#onUnopened(toDns4torError(thrown), attempt);
    }
    attempt.end();
    if (this.#isDisposed) return void socket.destroy();
    try {
      this.#startSession(socket, clock.now() - startedAt);
    } catch (thrown) {
      socket.destroy();
      this.#onUnopened(toDns4torError(thrown), attempt);
    }
  }

  #onUnopened(error: Dns4torError, attempt: Attempt): void {
    if (this.#isDisposed || this.#owner.onEnd('unopened')) return;
    this.#recordFailure(error, attempt);
  }

  /**
   * @throws what `createSession` throws; ERR_UPSTREAM_CONNECTION if the socket is already closed, which a session would
   *   never notice
   */
  #startSession(socket: Socket, durationMs: number): void {
    const { clock, events } = this.#components;
    if (socket.destroyed) throw new Dns4torError('ERR_UPSTREAM_CONNECTION');
    this.#session = this.#createSession(socket);
    this.#openedAt = clock.now();
    events.connected(durationMs);
    this.#owner.onOpen(durationMs);
  }

  #createSession(socket: Socket): Session {
    const { breaker, createSession } = this.#components;
    const owner = this.#owner;
    return createSession(socket, {
      onFirstAnswer: () => breaker.recordSuccess(),
      onCapacity: () => owner.onCapacityChange(),
      onRoundTrip: (durationMs) => owner.onRoundTrip(durationMs),
      onRetire: (session, reason) => this.#onRetire(session, reason),
      onClose: () => (this.#retired = undefined),
    });
  }

  #onRetire(session: Session, reason: Dns4torError | undefined): void {
    this.#session = undefined;
    this.#retired = session;
    // At a shutdown, the end of one connection must not open another.
    if (this.#isDisposed) return;
    const { clock, breaker } = this.#components;
    const isStalled = reason?.code === 'ERR_UPSTREAM_STALLED';
    const isExcused = this.#owner.onEnd(isStalled ? 'stalled' : 'ended');
    const isUseless = session.isUnanswered || (!session.hasAnswered && clock.now() - this.#openedAt < SHORT_LIFE_MS);
    // A stall, or an end without an answer that no query explains, may be an outage: pause before the next attempt.
    if (isStalled || (isUseless && !isExcused)) {
      this.#recordFailure(reason ?? new Dns4torError('ERR_UPSTREAM_CONNECTION'));
    } else if (session.hasAnswered) breaker.recordSuccess();
    this.#owner.onCapacityChange();
  }

  #recordFailure(error: Dns4torError, attempt?: Attempt): void {
    const { breaker, events } = this.#components;
    events.connectFailed(error, breaker.recordFailure(error, attempt));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    (this.#session ?? this.#retired)?.destroy(new Dns4torError('ERR_SHUTDOWN'));
  }
}
