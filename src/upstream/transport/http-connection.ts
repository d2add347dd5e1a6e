import type { ClientHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Dispatcher } from 'undici';
import symbols from 'undici/lib/core/symbols.js';
import Client from 'undici/lib/dispatcher/client.js';
import { MAX_IN_FLIGHT } from './session.ts';

/** Callbacks of one HTTP request, as undici calls them. */
export type RequestHandler = Dispatcher.DispatchHandler;
/** Aborts, pauses or resumes one HTTP request. */
export type RequestController = Dispatcher.DispatchController;

interface HttpConnectionEvents {
  /** The server's limit on concurrent requests has changed. It may be 0. */
  onLimit(maxRequests: number): void;
  /** The connection takes no more requests. Requests that the server has accepted may still be answered. */
  onEnd(): void;
}

/** Longest delay of a Node timer, 24.8 days. Undici has no other way to disable its idle time-out. */
const NEVER_MS = 2 ** 31 - 1;

/**
 * Default flow-control window of HTTP/2 (RFC 9113 §6.9.2). It suffices for DNS messages. Undici's larger windows would
 * appear in SETTINGS and identify it.
 */
const WINDOW_BYTES = 65_535;

/**
 * HTTP/2 or HTTP/1.1 on one open socket, through an undici client of its own.
 *
 * By default undici opens sockets, reconnects, and repeats requests. Here `connect` returns the given socket once and
 * then fails, which rules out all three. Further rules that keep undici 8.13 safe:
 *
 * - No AbortSignal. Many that fire in one tick send Node's HTTP/2 code into an endless loop.
 * - The body is an iterable, because undici repeats a refused request only if it can send the body again. The caller
 *   repeats requests itself, on another connection.
 * - The client is never destroyed. Undici asserts that a destroyed client has no requests, and a server can make that
 *   untrue. The owner aborts the requests and destroys the socket.
 * - All of undici's timers are off. The owner has a watchdog and deadlines, on its own clock.
 */
export class HttpConnection {
  /** Whether the connection can carry concurrent requests. HTTP/1.1 carries one at a time, without pipelining. */
  readonly isHttp2: boolean;
  readonly #url: URL;
  readonly #socket: Socket;
  readonly #client: Client;
  /** Kept here because undici drops its reference at a GOAWAY. */
  #session: ClientHttp2Session | undefined;

  /** @param socket an open socket, which the caller closes */
  constructor(url: URL, socket: Socket, events: HttpConnectionEvents) {
    this.#url = url;
    this.#socket = socket;
    // ALPN selects HTTP/2 (RFC 9113 §3.2). Without it, the server speaks HTTP/1.1.
    this.isHttp2 = socket instanceof TLSSocket && socket.alpnProtocol === 'h2';
    let isUsed = false;
    this.#client = new Client(url.origin, {
      connect: (_options, callback) => {
        const problem = isUsed ? 'the client may not reconnect' : socket.destroyed ? 'the socket is closed' : undefined;
        isUsed = true;
        // Asynchronous, because undici expects `connect` to return first.
        queueMicrotask(() => (problem === undefined ? callback(null, socket) : callback(new Error(problem), null)));
        if (problem !== undefined) events.onEnd();
      },
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: NEVER_MS,
      keepAliveMaxTimeout: NEVER_MS,
      // Undici subtracts it from the server's Keep-Alive hint, so that the hint starts no timer either.
      keepAliveTimeoutThreshold: -NEVER_MS,
      pingInterval: 0,
      maxConcurrentStreams: MAX_IN_FLIGHT,
      initialWindowSize: WINDOW_BYTES,
      connectionWindowSize: WINDOW_BYTES,
      // Otherwise an environment variable selects the HTTP/1.1 parser.
      useMilo: false,
    });
    this.#client.on('disconnect', () => events.onEnd());
    // Undici registers its listeners on the session first, so it applies each new limit before the owner hears of it.
    this.#client.on('connect', () => this.#begin(events));
    // Connects now instead of with the first request, so that the end of an idle connection is noticed.
    this.#client[symbols.kConnect](() => {});
  }

  /** Whether the connection is lost. True before the 'close' events of session and socket. */
  get isLost(): boolean {
    return this.#socket.destroyed || this.#session?.destroyed === true;
  }

  #begin(events: HttpConnectionEvents): void {
    if (!this.isHttp2) return;
    const session = this.#client[symbols.kHTTP2Session];
    if (session === undefined || session === null) throw new Error('undici keeps its HTTP/2 session elsewhere');
    this.#session = session;
    // A client may send requests before the server's SETTINGS arrive (RFC 9113 §3.4). Undici would hold back all but
    // one for a round trip unless it knows a limit.
    session.emit('remoteSettings', { maxConcurrentStreams: MAX_IN_FLIGHT });
    session.on('remoteSettings', ({ maxConcurrentStreams = MAX_IN_FLIGHT }) => {
      events.onLimit(Math.min(MAX_IN_FLIGHT, maxConcurrentStreams));
    });
  }

  /** POSTs `body` to the URL's path. `headers` holds alternating names and values, in the order to send them. */
  post(headers: readonly string[], body: Uint8Array, handler: RequestHandler): void {
    this.#client.dispatch({ method: 'POST', path: this.#url.pathname, headers, body: [body] }, handler);
  }

  /**
   * Sends a PING (RFC 9113 §6.7) if the connection is open and speaks HTTP/2.
   * @param onEnd called when the PING is acknowledged, or with false when the connection ends first
   * @returns whether a PING was sent
   */
  ping(onEnd: (isAnswered: boolean) => void): boolean {
    const session = this.#session;
    if (session === undefined || session.destroyed) return false;
    return session.ping((error) => onEnd(error === null));
  }
}
