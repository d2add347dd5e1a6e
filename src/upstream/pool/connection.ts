import type { Socket } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import type { Deadline } from '../../lib/deadline.ts';
import { Dns4torError, toDns4torError } from '../../failures/errors.ts';
import type { Attempt, Breaker } from './breaker.ts';
import type { Connect, CreateSession, Session } from '../transport/session.ts';

/** What happens to the connections, for whoever logs and counts. */
export interface ConnectionEvents {
  connected(durationMs: number): void;
  /** @param pauseMs until the next attempt may be made */
  connectFailed(error: Dns4torError, pauseMs: number): void;
}

/** What a connection tells the circuit that it belongs to. */
export interface ConnectionOwner {
  /** It is open, after so many milliseconds. */
  onOpen(durationMs: number): void;
  /** More queries can be sent than before, or none any more. */
  onChange(): void;
  /** A round trip took so many milliseconds. */
  onRoundTrip(durationMs: number): void;
  /**
   * It could not be opened, or it was open and takes no more queries.
   * @returns whether the end is no sign of an outage and is not to be counted as a failure: the circuit was a spare, or
   *   a query on it may have caused its end
   */
  onEnd(cause: 'unopened' | 'ended' | 'stalled'): boolean;
}

export interface ConnectionComponents {
  readonly clock: Clock;
  readonly connect: Connect;
  readonly createSession: CreateSession;
  /** Of all circuits to the resolver. */
  readonly breaker: Breaker;
  readonly events: ConnectionEvents;
}

/**
 * A connection that ends sooner, without an answer, counts as a failed attempt: the server would probably end the next
 * one as well. An idle timeout takes longer.
 */
const SHORT_LIFE_MS = 2000;

/**
 * The connection of a circuit, from its first byte to its last. It is never opened again: a new circuit has a new one.
 */
export class Connection implements AsyncDisposable {
  readonly #components: ConnectionComponents;
  readonly #owner: ConnectionOwner;
  /** The session while it takes queries. */
  #session: Session | undefined;
  /** The same, once it takes no more, until its socket is closed. */
  #retired: Session | undefined;
  #isStarted = false;
  #openedAt = -Infinity;
  #disposed = false;

  constructor(components: ConnectionComponents, owner: ConnectionOwner) {
    this.#components = components;
    this.#owner = owner;
  }

  get isOpen(): boolean {
    return this.#session !== undefined;
  }

  /** Queries that would be sent at once. */
  get free(): number {
    return this.#session?.free ?? 0;
  }

  /** Queries that wait for their answer. */
  get inFlight(): number {
    return (this.#session ?? this.#retired)?.inFlight ?? 0;
  }

  /** As {@link Session.exchange}; ERR_UPSTREAM_CONNECTION while it is not open. */
  exchange(query: Uint8Array, deadline: Deadline): Promise<Uint8Array> {
    if (this.#session !== undefined) return this.#session.exchange(query, deadline);
    return Promise.reject(new Dns4torError(this.#disposed ? 'ERR_SHUTDOWN' : 'ERR_UPSTREAM_CONNECTION'));
  }

  /** As {@link Session.ping}. */
  ping(): void {
    this.#session?.ping();
  }

  /** Ends it because queries get no answer. They reject with ERR_UPSTREAM_STALLED. */
  stall(): void {
    this.#session?.destroy(new Dns4torError('ERR_UPSTREAM_STALLED'));
  }

  /**
   * Starts to open the connection, once. The outcome is reported to the owner.
   * @returns false, with no effect, if the breaker allows no attempt now
   */
  open(): boolean {
    if (this.#isStarted || this.#disposed) return false;
    const attempt = this.#components.breaker.attempt();
    if (attempt === undefined) return false;
    this.#isStarted = true;
    void this.#connect(attempt);
    return true;
  }

  async #connect(attempt: Attempt): Promise<void> {
    const { clock, connect } = this.#components;
    const startedAt = clock.now();
    let socket: Socket;
    try {
      socket = await connect();
    } catch (thrown) {
      attempt.end();
      return this.#fail(toDns4torError(thrown), attempt);
    }
    attempt.end();
    if (this.#disposed) return void socket.destroy();
    try {
      this.#begin(socket, clock.now() - startedAt);
    } catch (thrown) {
      socket.destroy();
      this.#fail(toDns4torError(thrown), attempt);
    }
  }

  #fail(error: Dns4torError, attempt: Attempt): void {
    if (this.#disposed || this.#owner.onEnd('unopened')) return;
    this.#failed(error, attempt);
  }

  /**
   * Starts a session on `socket`.
   * @throws whatever `createSession` throws; ERR_UPSTREAM_CONNECTION if the socket is already closed, which a session
   *   would never notice
   */
  #begin(socket: Socket, durationMs: number): void {
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
      onFirstAnswer: () => breaker.worked(),
      onRoom: () => owner.onChange(),
      onRoundTrip: (durationMs) => owner.onRoundTrip(durationMs),
      onRetire: (session, reason) => this.#retire(session, reason),
      onClose: () => (this.#retired = undefined),
    });
  }

  #retire(session: Session, reason: Dns4torError | undefined): void {
    this.#session = undefined;
    this.#retired = session;
    // No session's end at a shutdown may start another connection.
    if (this.#disposed) return;
    const { clock, breaker } = this.#components;
    const isStalled = reason?.code === 'ERR_UPSTREAM_STALLED';
    const isExcused = this.#owner.onEnd(isStalled ? 'stalled' : 'ended');
    const isUseless = session.fruitless || (!session.answered && clock.now() - this.#openedAt < SHORT_LIFE_MS);
    // A stall, or an end without an answer that no query explains, may be an outage: pause before the next attempt.
    if (isStalled || (isUseless && !isExcused)) this.#failed(reason ?? new Dns4torError('ERR_UPSTREAM_CONNECTION'));
    else if (session.answered) breaker.worked();
    this.#owner.onChange();
  }

  #failed(error: Dns4torError, attempt?: Attempt): void {
    this.#components.events.connectFailed(error, this.#components.breaker.failed(error, attempt));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    (this.#session ?? this.#retired)?.destroy(new Dns4torError('ERR_SHUTDOWN'));
  }
}
