import type { TLSSocket } from 'node:tls';
import { type buildConnector, Client } from 'undici';
import type { Clock, Timer } from '../lib/clock.ts';
import { Dns4torError } from '../lib/errors.ts';
import { type DohResponse, dohRequest } from './doh-request.ts';

/** Streams on one connection; what servers commonly allow (RFC 9113 §6.5.2 recommends no less than 100). */
export const MAX_STREAMS = 100;

/**
 * While requests wait, some byte must come within this time. Above the onion path's published p99 of 9.1 s, so that one slow answer alone
 * does not cost a working connection.
 */
const SILENCE_MS = 12_000;

/** How often it is looked for bytes, and so how exactly the silence is measured. Costs nothing while no request waits. */
const LOOK_MS = 2000;

/**
 * How long undici keeps a stream whose caller has long stopped waiting, before it gives the place to another. Such streams are left to
 * end by themselves; see dohRequest.
 */
const ABANDONED_STREAM_MS = 30_000;

/** How long an idle connection is kept. Servers mostly end it sooner; a new one over Tor costs more than a second. */
const IDLE_MS = 600_000;

/** What a session tells its owner. */
export interface SessionEvents {
  /** The first answer came: the resolver works. */
  onFirstAnswer(): void;
  /** No more requests can be made. Those in flight may still be answered, or fail. */
  onRetire(session: Session): void;
  /** The socket is closed. */
  onClose(session: Session): void;
}

/**
 * One HTTP/2 connection to a resolver, from an open TLS socket to its end. It never reconnects: undici's Client would, at once and without
 * end, so it is given this one socket and no other.
 */
export class Session {
  readonly #clock: Clock;
  readonly #client: Client;
  readonly #socket: TLSSocket;
  readonly #events: SessionEvents;
  #inFlight = 0;
  #retired = false;
  #asked = false;
  #answered = false;
  #watchdog: Timer | undefined;
  #bytesSeen = 0;
  #bytesSeenAt = 0;

  constructor(clock: Clock, origin: string, socket: TLSSocket, events: SessionEvents) {
    this.#clock = clock;
    this.#socket = socket;
    this.#events = events;
    let used = false;
    this.#client = new Client(origin, {
      connect: (_options, callback) => {
        if (used) this.#refuseToReconnect(callback);
        else callback(null, socket);
        used = true;
      },
      allowH2: true,
      pipelining: MAX_STREAMS,
      maxConcurrentStreams: MAX_STREAMS,
      headersTimeout: ABANDONED_STREAM_MS,
      bodyTimeout: ABANDONED_STREAM_MS,
      keepAliveTimeout: IDLE_MS,
      pingInterval: 0,
    });
    this.#client.on('disconnect', () => this.#retire());
    this.#client.on('connectionError', () => this.#retire());
    // 'close' follows, and says all there is to know.
    socket.on('error', () => {});
    socket.once('close', () => {
      this.#watchdog?.cancel();
      this.#retire();
      events.onClose(this);
    });
  }

  /** Whether requests were made and none was answered. */
  get fruitless(): boolean {
    return this.#asked && !this.#answered;
  }

  /** Requests that can be made now. */
  get free(): number {
    return this.#retired ? 0 : MAX_STREAMS - this.#inFlight;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** As {@link dohRequest}, and ERR_UPSTREAM_STALLED when the connection went silent. */
  async request(path: string, query: Uint8Array): Promise<DohResponse> {
    this.#inFlight++;
    this.#asked = true;
    this.#watch();
    try {
      const response = await dohRequest(this.#client, path, query);
      if (!this.#answered) this.#events.onFirstAnswer();
      this.#answered = true;
      return response;
    } finally {
      this.#inFlight--;
    }
  }

  /** Ends the connection; requests in flight reject with `error` or ERR_UPSTREAM_CONNECTION. */
  destroy(error: Dns4torError): void {
    this.#watchdog?.cancel();
    this.#retire();
    this.#client.destroy(error, () => {});
    this.#socket.destroy();
  }

  #retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#events.onRetire(this);
  }

  /**
   * After a GOAWAY (RFC 9113 §6.8) undici wants a new connection for the requests that were refused, while those that were accepted
   * are still being answered. Destroying the client fails the former and leaves the latter be.
   */
  #refuseToReconnect(callback: buildConnector.Callback): void {
    const error = new Dns4torError('ERR_UPSTREAM_CONNECTION');
    this.#client.destroy(error, () => {});
    callback(error, null);
  }

  /**
   * A connection whose peer has gone without a word (a circuit that hangs, a laptop that slept) looks open for many minutes. Progress is any
   * byte on the socket, for any stream.
   */
  #watch(): void {
    if (this.#watchdog !== undefined) return;
    this.#noteBytes();
    this.#lookLater();
  }

  #noteBytes(): void {
    this.#bytesSeen = this.#socket.bytesRead;
    this.#bytesSeenAt = this.#clock.now();
  }

  #lookLater(): void {
    this.#watchdog = this.#clock.schedule(LOOK_MS, () => {
      this.#watchdog = undefined;
      if (this.#inFlight === 0) return;
      if (this.#socket.bytesRead !== this.#bytesSeen) this.#noteBytes();
      if (this.#clock.now() - this.#bytesSeenAt < SILENCE_MS) this.#lookLater();
      else this.destroy(new Dns4torError('ERR_UPSTREAM_STALLED'));
    });
  }
}
