import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../lib/clock.ts';
import type { Deadline } from '../../lib/deadline.ts';
import { Dns4torError } from '../../failures/errors.ts';
import { subtractAge } from '../../message/answer/http-age.ts';
import { DohRequest } from './doh-request.ts';
import { HttpConnection } from './http-connection.ts';
import { MAX_IN_FLIGHT, RequestRefusedError, type Session, type SessionEvents } from './session.ts';
import { Watchdog } from './watchdog.ts';

/**
 * While queries wait, some byte must come within this time. A peer that lives answers a PING in one round trip, which
 * over Tor takes a second or, through a relay that is choked, several.
 */
const HTTP2_WATCH = { silenceMs: 7000, lookMs: 1000 } as const;

/**
 * HTTP/1.1 has no PING, so this is above the onion path's published p99 of 9.1 s: one slow answer does not cost a
 * working connection.
 */
const HTTP1_WATCH = { silenceMs: 12_000, lookMs: 2000 } as const;

/**
 * How long a server may allow no query although none is in flight. RFC 9113 §6.5.2: it should do so only for short
 * durations.
 */
const NO_ROOM_MS = 10_000;

const MS_PER_SECOND = 1000;

export interface DohSessionInit {
  /** The whole URL, whose origin is the server's name for HTTP. */
  readonly url: URL;
  /** Is told each Alt-Svc field value, and for how long HTTP caches have held it (RFC 7838 §3.1). */
  readonly onAltSvc?: (fieldValue: string, ageSeconds: number) => void;
  /** Is told what the resolver's clock showed when it gave an answer: milliseconds since 1970, of whole seconds. */
  readonly onDate?: (epochMs: number) => void;
}

/**
 * A connection that speaks DNS over HTTPS (RFC 8484), on HTTP/2 or HTTP/1.1 as ALPN decided. HTTP/1.1 carries one query
 * at a time.
 *
 * Each session has an undici client of its own, because a client is what can be held to one socket: see
 * {@link HttpConnection} for how. Queries wait in the pool, where they expire, and never in undici: the session offers
 * no more room than the server allows.
 */
export class DohSession implements Session {
  readonly #clock: Clock;
  readonly #init: DohSessionInit;
  readonly #socket: Socket;
  readonly #events: SessionEvents;
  readonly #connection: HttpConnection;
  readonly #watchdog: Watchdog;
  /** Those that have a place on the connection. */
  readonly #requests = new Set<DohRequest>();
  #maxInFlight: number;
  /** Runs while the server allows no query although none is in flight. */
  #noRoom: Timer | undefined;
  /** Requests in flight that are more than the server allows, and that it may refuse. */
  #overLimit = 0;
  #asked = false;
  #answered = false;
  #retired = false;
  #pinging = false;
  /** Why it was ended on this side. */
  #reason: Dns4torError | undefined;

  /** @param socket an open TLS connection; owned from here on */
  constructor(clock: Clock, init: DohSessionInit, socket: Socket, events: SessionEvents) {
    this.#clock = clock;
    this.#init = init;
    this.#socket = socket;
    this.#events = events;
    this.#connection = new HttpConnection(init.url, socket, {
      onLimit: (maxRequests) => this.#limit(maxRequests),
      // RFC 9113 §6.8: no new streams after a GOAWAY; those that were accepted are still answered.
      onEnd: () => this.#retire(),
    });
    this.#maxInFlight = this.#connection.isHttp2 ? MAX_IN_FLIGHT : 1;
    this.#watchdog = new Watchdog(clock, this.#connection.isHttp2 ? HTTP2_WATCH : HTTP1_WATCH, {
      waiting: () => this.#requests.size > 0,
      bytesRead: () => socket.bytesRead,
      onQuiet: () => this.ping(),
      onSilent: () => this.destroy(new Dns4torError('ERR_UPSTREAM_STALLED')),
    });
    socket.once('close', () => this.#closed());
  }

  get free(): number {
    return this.#retired || this.#connection.isLost ? 0 : Math.max(0, this.#maxInFlight - this.#requests.size);
  }

  get inFlight(): number {
    return this.#requests.size;
  }

  get answered(): boolean {
    return this.#answered;
  }

  get fruitless(): boolean {
    return this.#asked && !this.#answered;
  }

  async exchange(query: Uint8Array, deadline: Deadline): Promise<Uint8Array> {
    if (this.free === 0) throw this.#reason ?? new Dns4torError('ERR_UPSTREAM_CONNECTION');
    this.#asked = true;
    const request = new DohRequest({
      connection: this.#connection,
      query,
      deadline,
      onFlood: () => this.destroy(new Dns4torError('ERR_UPSTREAM_CONNECTION', 'too many informational responses')),
    });
    this.#requests.add(request);
    this.#watchdog.watch();
    try {
      const { body, madeAtEpochMs, ageSeconds, altSvc } = await request.response;
      if (!this.#answered) this.#events.onFirstAnswer();
      this.#answered = true;
      if (altSvc !== undefined) this.#init.onAltSvc?.(altSvc, ageSeconds);
      if (madeAtEpochMs !== undefined) this.#init.onDate?.(madeAtEpochMs + ageSeconds * MS_PER_SECOND);
      if (ageSeconds > 0) subtractAge(body, ageSeconds);
      return body;
    } catch (error) {
      if (this.#overLimit > 0 && isLostAlone(error) && !this.#connection.isLost) {
        this.#overLimit--;
        throw new RequestRefusedError();
      }
      throw this.#reason ?? error;
    } finally {
      if (request.isFree) this.#release(request);
      else request.onFree = () => this.#release(request);
    }
  }

  /** RFC 9113 §6.7. One at a time. */
  ping(): void {
    if (this.#pinging) return;
    const sentAt = this.#clock.now();
    this.#pinging = this.#connection.ping((isAnswered) => {
      this.#pinging = false;
      if (isAnswered) this.#events.onRoundTrip(this.#clock.now() - sentAt);
    });
  }

  destroy(error: Dns4torError): void {
    this.#reason ??= error;
    this.#watchdog.cancel();
    this.#retire();
    for (const request of this.#requests) request.abort(error);
    this.#socket.destroy();
  }

  #limit(maxRequests: number): void {
    this.#overLimit = Math.max(0, this.#requests.size - maxRequests);
    this.#maxInFlight = maxRequests;
    this.#watchRoom();
    if (!this.#retired) this.#events.onRoom();
  }

  #release(request: DohRequest): void {
    this.#requests.delete(request);
    // Requests end before their connection says so. No more queries may be sent in between.
    if (this.#connection.isLost) this.#retire();
    this.#watchRoom();
    if (!this.#retired) this.#events.onRoom();
  }

  /** A fresh connection may be allowed what this one is not. */
  #watchRoom(): void {
    if (this.#retired || this.#maxInFlight > 0) {
      this.#noRoom?.cancel();
      this.#noRoom = undefined;
    } else if (this.#requests.size === 0) {
      this.#noRoom ??= this.#clock.schedule(NO_ROOM_MS, () => this.destroy(new Dns4torError('ERR_UPSTREAM_STALLED')));
    }
  }

  #retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#watchRoom();
    this.#events.onRetire(this, this.#reason);
  }

  #closed(): void {
    this.#watchdog.cancel();
    this.#retire();
    this.#events.onClose(this);
  }
}

function isLostAlone(error: unknown): boolean {
  return error instanceof Dns4torError && error.code === 'ERR_UPSTREAM_CONNECTION';
}
