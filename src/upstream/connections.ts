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
  readonly #sessions = new Set<Session>();
  readonly #waiting = new Set<Waiter>();
  #connecting = false;
  #disposed = false;

  constructor(components: ConnectionsComponents, init: ConnectionsInit) {
    this.#components = components;
    this.#init = init;
    this.#backOff = new BackOff(components.clock, components.random);
  }

  get open(): number {
    return this.#sessions.size;
  }

  /** Requests that wait for a connection or are on one. */
  get depth(): number {
    let depth = this.#waiting.size;
    for (const session of this.#sessions) depth += session.inFlight;
    return depth;
  }

  /**
   * Calls `use` with a session that has a free stream, as soon as there is one, and passes on what it returns.
   * Rejects with the reason while no connection can be had, with ERR_QUEUE_FULL, and with ERR_DEADLINE.
   */
  withSession<T>(deadline: Deadline, use: (session: Session) => Promise<T>): Promise<T> {
    if (this.#disposed) return Promise.reject(new Dns4torError('ERR_SHUTDOWN'));
    const session = this.#leastBusy();
    if (session !== undefined) return use(session);

    this.#connectIfUseful();
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    if (this.#waiting.size >= MAX_WAITING) return Promise.reject(new Dns4torError('ERR_QUEUE_FULL'));
    return this.#wait(deadline, use);
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
          use(session).then(resolve, reject);
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

  #leastBusy(): Session | undefined {
    let best: Session | undefined;
    for (const session of this.#sessions) if (session.free > (best?.free ?? 0)) best = session;
    return best;
  }

  #connectIfUseful(): void {
    const room = this.#sessions.size < this.#init.maxConnections;
    if (!room || this.#connecting || this.#disposed || this.#backOff.refusal !== undefined) return;
    this.#connecting = true;
    void this.#connect();
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
      const session = new Session(clock, this.#init.origin, socket, (closed) => this.#closed(closed));
      this.#sessions.add(session);
      this.#backOff.succeeded();
      events.connected(clock.now() - startedAt);
    } catch (thrown) {
      const error = toDns4torError(thrown);
      events.connectFailed(error, this.#backOff.failed(error));
    } finally {
      this.#connecting = false;
    }
    this.startWaiting();
  }

  /** Gives free streams to those that wait; to be called whenever a request has ended. */
  startWaiting(): void {
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
    if (this.#connecting || this.#sessions.size > 0) return undefined;
    return this.#backOff.refusal ?? new Dns4torError('ERR_DOH_CONNECTION');
  }

  #closed(session: Session): void {
    this.#sessions.delete(session);
    this.startWaiting();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    // No session's end may start another connection.
    const error = new Dns4torError('ERR_SHUTDOWN');
    for (const waiter of this.#waiting) waiter.fail(error);
    for (const session of this.#sessions) session.destroy(error);
  }
}
