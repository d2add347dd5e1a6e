import type { ClientHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Dispatcher } from 'undici';
import symbols from 'undici/lib/core/symbols.js';
import Client from 'undici/lib/dispatcher/client.js';
import { MAX_IN_FLIGHT } from './session.ts';

export type RequestHandler = Dispatcher.DispatchHandler;
export type RequestController = Dispatcher.DispatchController;

export interface HttpConnectionEvents {
  /** The server allows this many requests at a time from now on; 0 or more. */
  onLimit(maxRequests: number): void;
  /** The connection takes no more requests. Those that the server accepted may still be answered. */
  onEnd(): void;
}

/** The longest delay that a timer of Node can have: 24.8 days. Undici has no other way to turn its idle timeout off. */
const NEVER_MS = 2 ** 31 - 1;

/**
 * Default of HTTP/2 (RFC 9113 §6.9.2): enough for a DNS message, and undici's larger windows would tell it by its
 * SETTINGS.
 */
const WINDOW_BYTES = 65_535;

/**
 * One open socket that speaks HTTP/2 or HTTP/1.1, by an undici client of its own.
 *
 * Undici reconnects and repeats requests by itself, on sockets that it opens. A client whose `connect` hands over the
 * one socket, and fails when it is called again, cannot do either. Further rules that keep undici 8.13 safe here:
 * - No AbortSignal. Many that fire in one tick have sent Node's HTTP/2 code into an endless loop.
 * - The body is an iterable, because undici repeats a refused request only if it can send the body again. The caller
 *   repeats requests, on another connection.
 * - The client is never destroyed: undici asserts that a destroyed client has no requests, which a server can make
 *   untrue. Abort the requests and destroy the socket.
 * - All of undici's timers are off. The owner has a watchdog and deadlines, on a clock of its own.
 */
export class HttpConnection {
  /** Whether the connection carries many requests at a time. HTTP/1.1 carries one: there is no pipelining. */
  readonly isHttp2: boolean;
  readonly #url: URL;
  readonly #socket: Socket;
  readonly #client: Client;
  /** Kept here because undici forgets it at a GOAWAY. */
  #session: ClientHttp2Session | undefined;

  /** @param socket open; it is not closed here */
  constructor(url: URL, socket: Socket, events: HttpConnectionEvents) {
    this.#url = url;
    this.#socket = socket;
    // RFC 9113 §3.2, §3.3: HTTP/2 over TLS is chosen by ALPN. Without it, the server speaks HTTP/1.1.
    this.isHttp2 = socket instanceof TLSSocket && socket.alpnProtocol === 'h2';
    let isUsed = false;
    this.#client = new Client(url.origin, {
      connect: (_options, callback) => {
        const problem = isUsed ? 'the client may not reconnect' : socket.destroyed ? 'the socket is closed' : undefined;
        isUsed = true;
        // Asynchronously: undici has to finish its own preparations first.
        queueMicrotask(() => (problem === undefined ? callback(null, socket) : callback(new Error(problem), null)));
        if (problem !== undefined) events.onEnd();
      },
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: NEVER_MS,
      keepAliveMaxTimeout: NEVER_MS,
      // Subtracted from the server's Keep-Alive hint, which may not start a timer either.
      keepAliveTimeoutThreshold: -NEVER_MS,
      pingInterval: 0,
      maxConcurrentStreams: MAX_IN_FLIGHT,
      initialWindowSize: WINDOW_BYTES,
      connectionWindowSize: WINDOW_BYTES,
      // Otherwise a variable of the environment chooses the parser of HTTP/1.1.
      useMilo: false,
    });
    this.#client.on('disconnect', () => events.onEnd());
    // Undici's listeners of the session are older, so it knows each limit before the owner does.
    this.#client.on('connect', () => this.#begin(events));
    // Connects now, not with the first request: a connection that waits for one has to notice when the server ends it.
    this.#client[symbols.kConnect](() => {});
  }

  /** Whether it has been lost. A session ends before its socket does, and both before they say so. */
  get isLost(): boolean {
    return this.#socket.destroyed || this.#session?.destroyed === true;
  }

  #begin(events: HttpConnectionEvents): void {
    if (!this.isHttp2) return;
    const session = this.#client[symbols.kHTTP2Session];
    if (session === undefined || session === null) throw new Error('undici keeps its HTTP/2 session elsewhere');
    this.#session = session;
    // RFC 9113 §3.4: a client may send requests before it has the server's SETTINGS. Undici would hold back all but one
    // for a round trip, unless it is told of a limit.
    session.emit('remoteSettings', { maxConcurrentStreams: MAX_IN_FLIGHT });
    session.on('remoteSettings', ({ maxConcurrentStreams = MAX_IN_FLIGHT }) => {
      events.onLimit(Math.min(MAX_IN_FLIGHT, maxConcurrentStreams));
    });
  }

  /** POSTs `body` to the URL's path. `headers` are alternating names and values, sent in this order. */
  post(headers: readonly string[], body: Uint8Array, handler: RequestHandler): void {
    this.#client.dispatch({ method: 'POST', path: this.#url.pathname, headers, body: [body] }, handler);
  }

  /**
   * Sends a PING (RFC 9113 §6.7), if the connection is open and speaks HTTP/2.
   * @param onEnd called when it is answered, or with `false` when it cannot be any more
   * @returns whether it was sent
   */
  ping(onEnd: (isAnswered: boolean) => void): boolean {
    const session = this.#session;
    if (session === undefined || session.destroyed) return false;
    return session.ping((error) => onEnd(error === null));
  }
}
