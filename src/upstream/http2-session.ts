import { type ClientHttp2Session, connect, constants } from 'node:http2';
import type { Socket } from 'node:net';
import type { Clock } from '../lib/clock.ts';
import type { Deadline } from '../lib/deadline.ts';
import { Dns4torError } from '../lib/errors.ts';
import { subtractAge } from '../message/age.ts';
import { dohRequest } from './doh-request.ts';
import { MAX_IN_FLIGHT, type Session, type SessionEvents } from './session.ts';
import { Watchdog } from './watchdog.ts';

/**
 * While queries wait, some byte must come within this time. A peer that lives answers a PING in one round trip, which over Tor takes a second
 * or, through a relay that is choked, several.
 */
const WATCH = { silenceMs: 7000, lookMs: 1000 } as const;

const MS_PER_SECOND = 1000;

export interface Http2SessionInit {
  /** The whole URL, whose origin is the server's name for HTTP. */
  readonly url: URL;
  /** Is told each Alt-Svc field value, and for how long HTTP caches have held it (RFC 7838 §3.1). */
  readonly onAltSvc?: (fieldValue: string, ageSeconds: number) => void;
  /** Is told what the resolver's clock showed when it gave an answer: milliseconds since 1970, of whole seconds. */
  readonly onDate?: (epochMs: number) => void;
}

/** A connection that speaks DNS over HTTPS (RFC 8484) on HTTP/2. */
export class Http2Session implements Session {
  readonly #clock: Clock;
  readonly #init: Http2SessionInit;
  readonly #socket: Socket;
  readonly #events: SessionEvents;
  readonly #http2: ClientHttp2Session;
  readonly #watchdog: Watchdog;
  #maxInFlight = MAX_IN_FLIGHT;
  #inFlight = 0;
  #asked = false;
  #answered = false;
  #retired = false;
  #pinging = false;
  /** Why it was ended on this side. */
  #reason: Dns4torError | undefined;

  /** @param socket a TLS connection on which ALPN ended as h2; owned from here on */
  constructor(clock: Clock, init: Http2SessionInit, socket: Socket, events: SessionEvents) {
    this.#clock = clock;
    this.#init = init;
    this.#socket = socket;
    this.#events = events;
    this.#http2 = connect(init.url, { createConnection: () => socket, settings: { enablePush: false } });
    this.#watchdog = new Watchdog(clock, WATCH, {
      waiting: () => this.#inFlight > 0,
      bytesRead: () => socket.bytesRead,
      onQuiet: () => this.ping(),
      onSilent: () => this.destroy(new Dns4torError('ERR_UPSTREAM_STALLED')),
    });
    this.#http2.on('remoteSettings', ({ maxConcurrentStreams = MAX_IN_FLIGHT }) => {
      this.#maxInFlight = Math.min(MAX_IN_FLIGHT, maxConcurrentStreams);
      events.onRoom();
    });
    // RFC 9113 §6.8: no new streams after it; those that were accepted are still answered.
    this.#http2.on('goaway', () => this.#retire());
    // 'close' follows, and says all there is to know.
    this.#http2.on('error', () => {});
    socket.once('close', () => this.#closed());
    this.#http2.once('close', () => socket.destroy());
  }

  get free(): number {
    return this.#retired || this.#http2.destroyed ? 0 : Math.max(0, this.#maxInFlight - this.#inFlight);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get answered(): boolean {
    return this.#answered;
  }

  get fruitless(): boolean {
    return this.#asked && !this.#answered;
  }

  async exchange(query: Uint8Array, deadline: Deadline): Promise<Uint8Array> {
    this.#inFlight++;
    this.#asked = true;
    this.#watchdog.watch();
    try {
      const { body, madeAtEpochMs, ageSeconds, altSvc } = await dohRequest(
        this.#http2,
        this.#init.url,
        query,
        deadline,
      );
      if (!this.#answered) this.#events.onFirstAnswer();
      this.#answered = true;
      if (altSvc !== undefined) this.#init.onAltSvc?.(altSvc, ageSeconds);
      if (madeAtEpochMs !== undefined) this.#init.onDate?.(madeAtEpochMs + ageSeconds * MS_PER_SECOND);
      if (ageSeconds > 0) subtractAge(body, ageSeconds);
      return body;
    } catch (error) {
      // Streams end before their socket closes. No more queries may be sent in between.
      if (this.#http2.destroyed) this.#retire();
      throw this.#reason ?? error;
    } finally {
      this.#inFlight--;
      if (!this.#retired) this.#events.onRoom();
    }
  }

  /** RFC 9113 §6.7. One at a time. */
  ping(): void {
    if (this.#pinging || this.#http2.destroyed) return;
    this.#pinging = true;
    const sentAt = this.#clock.now();
    this.#http2.ping((error) => {
      this.#pinging = false;
      if (error === null) this.#events.onRoundTrip(this.#clock.now() - sentAt);
    });
  }

  destroy(error: Dns4torError): void {
    this.#reason ??= error;
    this.#watchdog.cancel();
    this.#retire();
    this.#http2.destroy(undefined, constants.NGHTTP2_CANCEL);
    this.#socket.destroy();
  }

  #retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#events.onRetire(this, this.#reason);
  }

  #closed(): void {
    this.#watchdog.cancel();
    this.#retire();
    this.#events.onClose(this);
  }
}
