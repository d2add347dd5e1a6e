import type { TLSSocket } from 'node:tls';
import { Client } from 'undici';
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

/**
 * How long undici keeps a stream whose caller has long stopped waiting, before it gives the place to another. Such streams are left to
 * end by themselves; see dohRequest.
 */
const ABANDONED_STREAM_MS = 30_000;

/** How long an idle connection is kept. Servers mostly end it sooner; a new one over Tor costs more than a second. */
const IDLE_MS = 600_000;

/**
 * One HTTP/2 connection to a resolver, from an open TLS socket to its end. It never reconnects: undici's Client would, at once and without
 * end, so it is given this one socket and no other.
 */
export class Session {
  readonly #clock: Clock;
  readonly #client: Client;
  readonly #socket: TLSSocket;
  readonly #onClose: (session: Session) => void;
  #inFlight = 0;
  #closed = false;
  #watchdog: Timer | undefined;
  #bytesSeen = 0;

  /** @param onClose called once, when no request can be made any more */
  constructor(clock: Clock, origin: string, socket: TLSSocket, onClose: (session: Session) => void) {
    this.#clock = clock;
    this.#socket = socket;
    this.#onClose = onClose;
    let unused = true;
    this.#client = new Client(origin, {
      connect: (_options, callback) => {
        if (unused) callback(null, socket);
        else callback(new Dns4torError('ERR_DOH_CONNECTION'), null);
        unused = false;
      },
      allowH2: true,
      pipelining: MAX_STREAMS,
      maxConcurrentStreams: MAX_STREAMS,
      headersTimeout: ABANDONED_STREAM_MS,
      bodyTimeout: ABANDONED_STREAM_MS,
      keepAliveTimeout: IDLE_MS,
      pingInterval: 0,
    });
    this.#client.on('disconnect', () => this.#close());
    socket.once('close', () => this.#close());
  }

  /** Requests that can be made now. */
  get free(): number {
    return this.#closed ? 0 : MAX_STREAMS - this.#inFlight;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** As {@link dohRequest}, and ERR_DOH_STALLED when the connection went silent. */
  async request(path: string, query: Uint8Array): Promise<DohResponse> {
    this.#inFlight++;
    this.#watch();
    try {
      return await dohRequest(this.#client, path, query);
    } finally {
      this.#inFlight--;
    }
  }

  /** Ends the connection; requests in flight reject with `error`. */
  destroy(error: Dns4torError): void {
    this.#close();
    this.#client.destroy(error, () => {});
    this.#socket.destroy();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watchdog?.cancel();
    this.#onClose(this);
  }

  /**
   * A connection whose peer has gone without a word (a circuit that hangs, a laptop that slept) looks open for many minutes. Progress is any
   * byte on the socket, for any stream.
   */
  #watch(): void {
    if (this.#watchdog !== undefined || this.#closed) return;
    this.#bytesSeen = this.#socket.bytesRead;
    this.#watchdog = this.#clock.schedule(SILENCE_MS, () => {
      this.#watchdog = undefined;
      if (this.#inFlight === 0) return;
      if (this.#socket.bytesRead === this.#bytesSeen) this.destroy(new Dns4torError('ERR_DOH_STALLED'));
      else this.#watch();
    });
  }
}
