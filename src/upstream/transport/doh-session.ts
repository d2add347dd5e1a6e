import type { Socket } from 'node:net';
import { Dns4torError } from '../../failures/errors.ts';
import type { Clock, Timer } from '../../lib/clock.ts';
import type { Deadline } from '../../lib/deadline.ts';
import { MS_PER_SECOND } from '../../lib/units.ts';
import { subtractAge } from '../../message/answer/http-age.ts';
import { DohRequest } from './doh-request.ts';
import { HttpConnection } from './http-connection.ts';
import { MAX_IN_FLIGHT, RequestRefusedError, type Session, type SessionEvents } from './session.ts';
import { Watchdog } from './watchdog.ts';

/**
 * Watchdog limits for HTTP/2. A live peer answers a PING in one round trip, which over Tor takes a second, or several
 * through a congested relay.
 */
const HTTP2_WATCH = { silenceMs: 7000, pollMs: 1000 } as const;

/**
 * Watchdog limits for HTTP/1.1, which has no PING. Above the published 99th percentile of response times over an onion
 * service, 9.1 s, so that one slow answer does not cost a working connection.
 */
const HTTP1_WATCH = { silenceMs: 12_000, pollMs: 2000 } as const;

/**
 * Maximum time that a server may allow zero streams while no query is in flight. It should do so only for short
 * durations (RFC 9113 §6.5.2).
 */
const NO_CAPACITY_MS = 10_000;

interface DohSessionInit {
  /** The resolver's URL. Its origin is the authority of the requests. */
  readonly url: URL;
  /** Receives each Alt-Svc field value, and the age of its response in HTTP caches (RFC 7838 §3.1). */
  readonly onAltSvc?: (fieldValue: string, ageSeconds: number) => void;
  /** Receives the time on the resolver's clock with each answer: milliseconds since 1970, in whole seconds. */
  readonly onDate?: (epochMs: number) => void;
}

/**
 * DNS over HTTPS (RFC 8484) on one connection, over HTTP/2 or HTTP/1.1 as negotiated by ALPN. HTTP/1.1 carries one
 * query at a time.
 *
 * Each session has an {@link HttpConnection} with an undici client of its own. Queries wait in the pool, where they can
 * expire, and never in undici: the session's capacity does not exceed what the server allows.
 */
export class DohSession implements Session {
  readonly #clock: Clock;
  readonly #init: DohSessionInit;
  readonly #socket: Socket;
  readonly #events: SessionEvents;
  readonly #connection: HttpConnection;
  readonly #watchdog: Watchdog;
  /** Requests that occupy the connection. */
  readonly #requests = new Set<DohRequest>();
  #maxInFlight: number;
  /** Runs while the server allows zero streams and no query is in flight. */
  #noCapacity: Timer | undefined;
  /** Number of requests in flight beyond the server's limit. The server may refuse that many. */
  #overLimit = 0;
  #hasAsked = false;
  #hasAnswered = false;
  #isRetired = false;
  #isPinging = false;
  /** Why this side ended the session. */
  #reason: Dns4torError | undefined;

  /** @param socket an open TLS socket, which the session owns from now on */
  constructor(clock: Clock, init: DohSessionInit, socket: Socket, events: SessionEvents) {
    this.#clock = clock;
    this.#init = init;
    this.#socket = socket;
    this.#events = events;
    this.#connection = new HttpConnection(init.url, socket, {
      onLimit: (maxRequests) => this.#onLimit(maxRequests),
      // After a GOAWAY no new streams are allowed. Accepted ones are still answered (RFC 9113 §6.8).
      onEnd: () => this.#retire(),
    });
    this.#maxInFlight = this.#connection.isHttp2 ? MAX_IN_FLIGHT : 1;
    this.#watchdog = new Watchdog(clock, this.#connection.isHttp2 ? HTTP2_WATCH : HTTP1_WATCH, {
      isWaiting: () => this.#requests.size > 0,
      bytesRead: () => socket.bytesRead,
      onQuiet: () => this.ping(),
      onSilent: () => this.destroy(new Dns4torError('ERR_UPSTREAM_STALLED')),
    });
    socket.once('close', () => this.#onClose());
  }

  get capacity(): number {
    return this.#isRetired || this.#connection.isLost ? 0 : Math.max(0, this.#maxInFlight - this.#requests.size);
  }

  get inFlight(): number {
    return this.#requests.size;
  }

  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  get isUnanswered(): boolean {
    return this.#hasAsked && !this.#hasAnswered;
  }

  async exchange(query: Uint8Array, deadline: Deadline): Promise<Uint8Array> {
    if (this.capacity === 0) throw this.#reason ?? new Dns4torError('ERR_UPSTREAM_CONNECTION');
    this.#hasAsked = true;
    const request = new DohRequest({
      connection: this.#connection,
      query,
      deadline,
      onFlood: () => this.destroy(new Dns4torError('ERR_UPSTREAM_CONNECTION', 'too many informational responses')),
    });
    this.#requests.add(request);
    this.#watchdog.watch();
    try {
      const { body, dateEpochMs, ageSeconds, altSvc } = await request.response;
      if (!this.#hasAnswered) this.#events.onFirstAnswer();
      this.#hasAnswered = true;
      if (altSvc !== undefined) this.#init.onAltSvc?.(altSvc, ageSeconds);
      if (dateEpochMs !== undefined) this.#init.onDate?.(dateEpochMs + ageSeconds * MS_PER_SECOND);
      if (ageSeconds > 0) subtractAge(body, ageSeconds);
      return body;
    } catch (error) {
      if (this.#overLimit > 0 && isConnectionError(error) && !this.#connection.isLost) {
        this.#overLimit--;
        throw new RequestRefusedError();
      }
      throw this.#reason ?? error;
    } finally {
      if (request.isFree) this.#release(request);
      else request.onFree = () => this.#release(request);
    }
  }

  /** Sends a PING (RFC 9113 §6.7), unless one is unacknowledged. */
  ping(): void {
    if (this.#isPinging) return;
    const sentAt = this.#clock.now();
    this.#isPinging = this.#connection.ping((isAnswered) => {
      this.#isPinging = false;
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

  #onLimit(maxRequests: number): void {
    this.#overLimit = Math.max(0, this.#requests.size - maxRequests);
    this.#maxInFlight = maxRequests;
    this.#watchCapacity();
    if (!this.#isRetired) this.#events.onCapacity();
  }

  #release(request: DohRequest): void {
    this.#requests.delete(request);
    // Requests fail before the connection reports its end. No query may be sent in between.
    if (this.#connection.isLost) this.#retire();
    this.#watchCapacity();
    if (!this.#isRetired) this.#events.onCapacity();
  }

  /** Ends the session if the server allows no streams for too long. A new connection may be allowed some. */
  #watchCapacity(): void {
    if (this.#isRetired || this.#maxInFlight > 0) {
      this.#noCapacity?.cancel();
      this.#noCapacity = undefined;
    } else if (this.#requests.size === 0) {
      this.#noCapacity ??= this.#clock.schedule(NO_CAPACITY_MS, () =>
        this.destroy(new Dns4torError('ERR_UPSTREAM_STALLED')),
      );
    }
  }

  #retire(): void {
    if (this.#isRetired) return;
    this.#isRetired = true;
    this.#watchCapacity();
    this.#events.onRetire(this, this.#reason);
  }

  #onClose(): void {
    this.#watchdog.cancel();
    this.#retire();
    this.#events.onClose(this);
  }
}

function isConnectionError(error: unknown): boolean {
  return error instanceof Dns4torError && error.code === 'ERR_UPSTREAM_CONNECTION';
}
