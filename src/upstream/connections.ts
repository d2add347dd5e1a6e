import type { TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../lib/clock.ts';
import type { Deadline } from '../lib/deadline.ts';
import { Dns4torError, toDns4torError } from '../lib/errors.ts';
import type { Random } from '../lib/random.ts';
import { BackOff } from './back-off.ts';
import { Session } from './session.ts';

/** Opens a TLS connection to the resolver through Tor; rejects with a Dns4torError, after a deadline of its own. */
export type Connect = () => Promise<TLSSocket>;

/** What happens to the connections, for whoever logs and counts. */
export interface ConnectionEvents {
  connected(durationMs: number): void;
  /** @param pauseMs until the next attempt may be made */
  connectFailed(error: Dns4torError, pauseMs: number): void;
}

export interface ConnectionsComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly connect: Connect;
  readonly events: ConnectionEvents;
}

export interface ConnectionsInit {
  readonly origin: string;
  /** At least 1. */
  readonly maxConnections: number;
}

/** Requests that wait for a connection or a free stream, in all. Beyond, the newest is refused: an outage must not fill the memory. */
const MAX_WAITING = 1024;

interface Waiter {
  start(session: Session): void;
  fail(error: Dns4torError): void;
}

/**
 * The connections to one resolver. They are opened when they are needed: the first with the first request, one more when all streams of
 * those that are open are taken. After a failed attempt there is a pause, in which requests are refused at once with the reason instead of
 * being made to wait.
 */
export class Connections implements AsyncDisposable {
  readonly #components: ConnectionsComponents;
  readonly #init: ConnectionsInit;
  readonly #backOff: BackOff;
  /** Those that take requests. */
  readonly #sessions = new Set<Session>();
  /** Those that take no more and are not closed yet. */
  readonly #retired = new Set<Session>();
  readonly #waiting = new Set<Waiter>();
  #connecting: Promise<void> | undefined;
  /** Sessions in a row that ended without an answer. */
  #fruitless = 0;
  #disposed = false;

  constructor(components: ConnectionsComponents, init: ConnectionsInit) {
    this.#components = components;
    this.#init = init;
    this.#backOff = new BackOff(components.clock, components.random);
  }

  get open(): number {
    return this.#sessions.size;
  }

  /** Requests that would be sent at once. */
  get free(): number {
    let free = 0;
    for (const session of this.#sessions) free += session.free;
    return free;
  }

  /** Requests that wait for a connection or are on one. */
  get depth(): number {
    let depth = this.#waiting.size;
    for (const session of [...this.#sessions, ...this.#retired]) depth += session.inFlight;
    return depth;
  }

  /**
   * Calls `use` with a session that has a free stream, as soon as there is one, and passes on what it returns.
   * Rejects with the reason while no connection can be had, with ERR_QUEUE_FULL, and with ERR_DEADLINE.
   */
  withSession<T>(deadline: Deadline, use: (session: Session) => Promise<T>): Promise<T> {
    if (this.#disposed) return Promise.reject(new Dns4torError('ERR_SHUTDOWN'));
    const session = this.#leastBusy();
    if (session !== undefined) return this.#run(session, use);

    this.#connectIfUseful();
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    if (this.#waiting.size >= MAX_WAITING) return Promise.reject(new Dns4torError('ERR_QUEUE_FULL'));
    return this.#wait(deadline, use);
  }

  /** Opens the first connection ahead of need; resolves when that has come to an end, one way or the other. */
  async warm(): Promise<void> {
    this.#connectIfUseful();
    await this.#connecting;
  }

  #wait<T>(deadline: Deadline, use: (session: Session) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        timer.cancel();
        this.#waiting.delete(waiter);
      };
      const waiter: Waiter = {
        start: (session) => {
          leave();
          this.#run(session, use).then(resolve, reject);
        },
        fail: (error) => {
          leave();
          reject(error);
        },
      };
      const timer: Timer = this.#components.clock.schedule(deadline.remainingMs, () =>
        waiter.fail(new Dns4torError('ERR_DEADLINE')),
      );
      this.#waiting.add(waiter);
    });
  }

  async #run<T>(session: Session, use: (session: Session) => Promise<T>): Promise<T> {
    try {
      return await use(session);
    } finally {
      this.#startWaiting();
    }
  }

  #leastBusy(): Session | undefined {
    let best: Session | undefined;
    for (const session of this.#sessions) if (session.free > (best?.free ?? 0)) best = session;
    return best;
  }

  #connectIfUseful(): void {
    const room = this.#sessions.size < this.#init.maxConnections;
    if (!room || this.#connecting !== undefined || this.#disposed || this.#backOff.refusal !== undefined) return;
    this.#connecting = this.#connect();
  }

  /** Never rejects: whoever waits is told. */
  async #connect(): Promise<void> {
    const { clock, connect, events } = this.#components;
    const startedAt = clock.now();
    try {
      const socket = await connect();
      if (this.#disposed) {
        socket.destroy();
        return;
      }
      this.#sessions.add(this.#createSession(socket));
      events.connected(clock.now() - startedAt);
    } catch (thrown) {
      this.#failed(toDns4torError(thrown));
    } finally {
      this.#connecting = undefined;
    }
    this.#startWaiting();
  }

  #createSession(socket: TLSSocket): Session {
    return new Session(this.#components.clock, this.#init.origin, socket, {
      onFirstAnswer: () => {
        this.#fruitless = 0;
        this.#backOff.succeeded();
      },
      onRetire: (session) => this.#retire(session),
      onClose: (session) => this.#retired.delete(session),
    });
  }

  /** Gives free streams to those that wait. */
  #startWaiting(): void {
    for (const waiter of this.#waiting) {
      const session = this.#leastBusy();
      if (session === undefined) break;
      waiter.start(session);
    }
    if (this.#waiting.size === 0) return;
    this.#connectIfUseful();
    const refusal = this.#refusal();
    if (refusal !== undefined) for (const waiter of this.#waiting) waiter.fail(refusal);
  }

  /** Why waiting would be in vain: no connection is open or being opened. */
  #refusal(): Dns4torError | undefined {
    if (this.#connecting !== undefined || this.#sessions.size > 0) return undefined;
    return this.#backOff.refusal ?? new Dns4torError('ERR_UPSTREAM_CONNECTION');
  }

  #retire(session: Session): void {
    this.#sessions.delete(session);
    this.#retired.add(session);
    // No session's end at a shutdown may start another connection.
    if (this.#disposed) return;
    // One event can cost all connections that are open, fresh ones too, and the retry mends that. More in a row are an outage: without a
    // pause each query would open two.
    if (session.fruitless && ++this.#fruitless > this.#init.maxConnections) {
      this.#failed(new Dns4torError('ERR_UPSTREAM_CONNECTION'));
    }
    this.#startWaiting();
  }

  #failed(error: Dns4torError): void {
    this.#components.events.connectFailed(error, this.#backOff.failed(error));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    const error = new Dns4torError('ERR_SHUTDOWN');
    for (const waiter of this.#waiting) waiter.fail(error);
    for (const session of [...this.#sessions, ...this.#retired]) session.destroy(error);
  }
}
