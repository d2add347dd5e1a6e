import type { Socket } from 'node:net';
import type { Clock } from '../lib/clock.ts';
import type { Deadline } from '../lib/deadline.ts';
import { Dns4torError, toDns4torError } from '../lib/errors.ts';
import { type Breaker, SLOW_ATTEMPT_MS } from './breaker.ts';
import type { CreateSession, Session } from './session.ts';

/** Opens a connection to the resolver through Tor; rejects with a Dns4torError, after a deadline of its own. */
export type Connect = () => Promise<Socket>;

/** What happens to the connections, for whoever logs and counts. */
export interface ConnectionEvents {
  connected(durationMs: number): void;
  /** @param pauseMs until the next attempt may be made */
  connectFailed(error: Dns4torError, pauseMs: number): void;
}

export interface ConnectionComponents {
  readonly clock: Clock;
  readonly connect: Connect;
  readonly createSession: CreateSession;
  /** Of all circuits to the resolver. */
  readonly breaker: Breaker;
  readonly events: ConnectionEvents;
  /** Called whenever more queries can be sent than before, or none any more. */
  readonly onChange: () => void;
  /** Receives each measured round trip, in milliseconds. */
  readonly onRoundTrip?: (durationMs: number) => void;
  /**
   * Called when an open connection stops taking queries and has to be replaced.
   * @returns whether a query on it may have caused this. If so, an end does not count as a failure, and the replacement
   *   is opened without a pause.
   */
  readonly onLost?: (cause: 'ended' | 'stalled') => boolean;
}

/**
 * A connection that ends sooner, without an answer, counts as a failed attempt: the server would probably end the next
 * one as well. An idle timeout takes longer.
 */
const SHORT_LIFE_MS = 2000;

/** The one connection of a circuit. It is opened when it is told to be, and again after it has ended. */
export class Connection implements AsyncDisposable {
  readonly #components: ConnectionComponents;
  /** The one that takes queries. */
  #session: Session | undefined;
  /** Those that take no more and are not closed yet. */
  readonly #retired = new Set<Session>();
  /** The latest attempt. */
  #connecting: Promise<void> | undefined;
  #connectingSince = -Infinity;
  #openedAt = -Infinity;
  #disposed = false;

  constructor(components: ConnectionComponents) {
    this.#components = components;
  }

  get isOpen(): boolean {
    return this.#session !== undefined;
  }

  get isConnecting(): boolean {
    return this.#connecting !== undefined;
  }

  /** Queries that would be sent at once. */
  get free(): number {
    return this.#session?.free ?? 0;
  }

  /** Queries that wait for their answer. */
  get inFlight(): number {
    let inFlight = this.#session?.inFlight ?? 0;
    for (const session of this.#retired) inFlight += session.inFlight;
    return inFlight;
  }

  /** As {@link Session.exchange}; ERR_UPSTREAM_CONNECTION while it is not open. */
  exchange(query: Uint8Array, deadline: Deadline): Promise<Uint8Array> {
    if (this.#session !== undefined) return this.#session.exchange(query, deadline);
    return Promise.reject(new Dns4torError(this.#disposed ? 'ERR_SHUTDOWN' : 'ERR_UPSTREAM_CONNECTION'));
  }

  /**
   * Opens it unless it is open, as far as the breaker permits; resolves when that has come to an end, one way or the other. Beside an attempt
   * that takes long another is made, on another circuit: the first to succeed is taken.
   */
  async open(): Promise<void> {
    if (this.#session !== undefined || this.#disposed) return;
    const { clock, breaker } = this.#components;
    if (this.#connecting === undefined || clock.now() - this.#connectingSince >= SLOW_ATTEMPT_MS) {
      const end = breaker.attempt();
      if (end !== undefined) this.#startAttempt(end);
    }
    await this.#connecting;
  }

  #startAttempt(end: () => void): void {
    const attempt = this.#connect(end).finally(() => {
      if (this.#connecting === attempt) this.#connecting = undefined;
    });
    this.#connecting = attempt;
    this.#connectingSince = this.#components.clock.now();
  }

  /** Never rejects: whoever waits is told by the breaker. */
  async #connect(end: () => void): Promise<void> {
    const { clock, connect } = this.#components;
    const startedAt = clock.now();
    let socket: Socket;
    try {
      socket = await connect();
    } catch (thrown) {
      end();
      if (!this.#disposed && !this.isOpen) this.#failed(toDns4torError(thrown));
      return;
    }
    end();
    if (this.#disposed || this.isOpen) return void socket.destroy();
    try {
      this.#begin(socket, clock.now() - startedAt);
    } catch (thrown) {
      socket.destroy();
      this.#failed(toDns4torError(thrown));
    }
  }

  /**
   * Starts a session on `socket`.
   * @throws whatever `createSession` throws; ERR_UPSTREAM_CONNECTION if the socket is already closed, which a session
   *   would never notice
   */
  #begin(socket: Socket, durationMs: number): void {
    const { clock, events, onChange } = this.#components;
    if (socket.destroyed) throw new Dns4torError('ERR_UPSTREAM_CONNECTION');
    const session = this.#createSession(socket);
    this.#openedAt = clock.now();
    this.#session = session;
    events.connected(durationMs);
    onChange();
  }

  #createSession(socket: Socket): Session {
    const { breaker, createSession, onChange } = this.#components;
    return createSession(socket, {
      onFirstAnswer: () => breaker.worked(),
      onRoom: onChange,
      onRoundTrip: (durationMs) => this.#components.onRoundTrip?.(durationMs),
      onRetire: (session, reason) => this.#retire(session, reason),
      onClose: (session) => this.#retired.delete(session),
    });
  }

  #retire(session: Session, reason: Dns4torError | undefined): void {
    this.#session = undefined;
    this.#retired.add(session);
    // No session's end at a shutdown may start another connection.
    if (this.#disposed) return;
    const { clock, onLost } = this.#components;
    const isStalled = reason?.code === 'ERR_UPSTREAM_STALLED';
    const isExcused = onLost?.(isStalled ? 'stalled' : 'ended') === true;
    const isUseless = session.fruitless || (!session.answered && clock.now() - this.#openedAt < SHORT_LIFE_MS);
    // A stall, or an end without an answer that no query explains, may be an outage: pause before the next attempt.
    if (isStalled || (isUseless && !isExcused)) {
      this.#failed(reason ?? new Dns4torError('ERR_UPSTREAM_CONNECTION'));
    } else if (session.answered) this.#components.breaker.worked();
    this.#components.onChange();
  }

  #failed(error: Dns4torError): void {
    this.#components.events.connectFailed(error, this.#components.breaker.failed(error));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    const error = new Dns4torError('ERR_SHUTDOWN');
    for (const session of [this.#session, ...this.#retired]) session?.destroy(error);
  }
}
