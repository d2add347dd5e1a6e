import type { Socket } from 'node:net';
import type { ErrorCode } from '../../failures/failures.ts';
import type { Timer } from '../../lib/clock.ts';
import { BYTES_PER_KIB } from '../../lib/units.ts';
import { createQueryScanner, type QueryScan } from '../../message/wire/scan-query.ts';
import type { AddressFamily } from '../../model/query.ts';
import type { ServedConnection, Slot } from '../connection-listener.ts';
import { InFlight } from '../in-flight.ts';
import { LINGER_MS, type ListenerComponents } from '../listener.ts';
import { freshnessSeconds } from './freshness.ts';
import type { RefusalStatus } from './response-head.ts';

/**
 * Maximum octets between two complete requests. A request takes at most a header and a message of 64 KiB each. More are
 * frames or headers that lead to no request.
 */
const MAX_FRUITLESS_BYTES: number = 256 * BYTES_PER_KIB;

/** Maximum octets of incomplete bodies. Real queries need a few hundred each. */
const MAX_INCOMPLETE_BYTES: number = 128 * BYTES_PER_KIB;

/** How often, in one idle time, the octets without a request are counted. */
const CHECKS_PER_IDLE_TIME = 8;

/** What a connection needs, whatever its HTTP version. */
export interface DohConnectionInit extends Slot<DohConnection> {
  /** Path of the only resource. */
  readonly path: string;
  /** Buffer for a reply of any size. It is used only while a query is being handled, so connections may share it. */
  readonly replySpace: Uint8Array;
}

/** A request that awaits its response. */
export interface Exchange {
  /**
   * Sends a DNS message.
   * @param reply owned by the exchange from here on
   * @param maxAgeSeconds how long an HTTP cache may keep it
   */
  answer(reply: Uint8Array, maxAgeSeconds: number): void;
  refuse(status: RefusalStatus): void;
  /** Whether the client has given the request up. */
  readonly isGone: boolean;
}

/** The limits on queries in flight. Another status than 200 tells clients and proxies to send fewer. */
const TOO_MANY: ReadonlySet<ErrorCode> = new Set(['ERR_IN_FLIGHT', 'ERR_IN_FLIGHT_CLIENT']);

/** One client's HTTP connection: what its queries have in common in all versions of HTTP. */
export abstract class DohConnection implements ServedConnection {
  protected readonly components: ListenerComponents;
  protected readonly init: DohConnectionInit;
  protected readonly socket: Socket;
  readonly #scan = createQueryScanner();
  /** Queries that the handler has not answered yet. */
  readonly #asked = new InFlight();
  /** Complete requests whose responses are not sent yet. */
  readonly #open = new InFlight();
  /** Queries that wait until the limits allow them. */
  readonly #waiting = new Map<Exchange, Uint8Array>();
  /** When each incomplete request began, the earliest first. */
  readonly #receiving = new Map<object, number>();
  readonly #clientPort: number;
  readonly #family: AddressFamily;
  #idleSince: number;
  /** Octets received until then. */
  #bytesAtUse = 0;
  #incompleteBytes = 0;
  #idleTimer: Timer;
  #messageTimer: Timer | undefined;
  #lingerTimer: Timer | undefined;
  /** Octets of responses that the client has not read. */
  #unsentBytes = 0;
  /** Resolved once everything is handed to the kernel, or cannot be. */
  readonly #sent = Promise.withResolvers<void>();
  #ending = false;
  #closed = false;

  /** @param socket owned from here on */
  protected constructor(components: ListenerComponents, socket: Socket, init: DohConnectionInit) {
    this.components = components;
    this.init = init;
    this.socket = socket;
    this.#clientPort = socket.remotePort ?? 0;
    this.#family = socket.remoteFamily === 'IPv6' ? 6 : 4;
    this.#idleSince = components.clock.now();
    this.#idleTimer = this.#startIdleTimer();
    socket.setNoDelay(true);
    // `close` follows every error.
    socket.on('error', () => socket.destroy());
    socket.on('finish', () => this.#sent.resolve());
    socket.on('close', () => this.#onClose());
  }

  /** Accepts no further request, and closes once the responses to earlier ones are sent. */
  protected abstract finish(): void;

  /** An incomplete request has taken longer than a request may. */
  protected abstract timeOut(request: object): void;

  /** Called whenever fewer queries or responses are pending than before. */
  protected abstract onRelieved(): void;

  get idleSince(): number {
    return this.#idleSince;
  }

  get busy(): boolean {
    return this.#asked.count > 0;
  }

  /** Resolves when the responses to all complete requests are sent, and the last frame of a closing connection. */
  async idle(): Promise<void> {
    // Node destroys the connection for CONNECT, and responses to earlier requests then have no end.
    await Promise.race([this.#open.idle(), this.#sent.promise]);
    if (this.#ending) await this.#sent.promise;
  }

  evict(): void {
    this.socket.destroy();
  }

  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#idleTimer.cancel();
    this.finish();
    void this.#asked.idle().then(() => this.#linger());
  }

  /** Whether no further request is accepted. */
  protected get isEnding(): boolean {
    return this.#ending;
  }

  /** Whether as many queries are in flight or octets unread as the limits allow. */
  protected get isFull(): boolean {
    const { tcpPipelined, tcpUnsentBytes } = this.components.limits;
    return this.#asked.count >= tcpPipelined || this.#unsentBytes > tcpUnsentBytes;
  }

  /** The first octet of a request has arrived. From now on it has limited time to become complete. */
  protected beginReceiving(request: object): void {
    const { clock, limits } = this.components;
    this.#receiving.set(request, clock.now());
    this.#messageTimer ??= this.#startMessageTimer(limits.tcpMessageMs);
  }

  /** The request is complete or given up. */
  protected endReceiving(request: object): void {
    this.#receiving.delete(request);
  }

  protected isReceiving(request: object): boolean {
    return this.#receiving.has(request);
  }

  /** A complete request has arrived. */
  protected opened(): void {
    this.#open.begin();
  }

  /** A response to a complete request is sent, or cannot be. */
  protected closed(exchange: Exchange): void {
    this.#waiting.delete(exchange);
    this.#open.end();
    this.#serveWaiting();
  }

  /**
   * Counts octets of incomplete bodies, or of one that is complete or given up if negative.
   * @returns false if there are too many
   */
  protected countIncomplete(bytes: number): boolean {
    this.#incompleteBytes += bytes;
    return this.#incompleteBytes <= MAX_INCOMPLETE_BYTES;
  }

  /** Counts octets that are handed to the socket, or that have left it if negative. */
  protected countUnsent(bytes: number): void {
    this.#unsentBytes += bytes;
  }

  /** Asks as soon as the limits allow it. */
  protected ask(exchange: Exchange, wire: Uint8Array): void {
    if (this.isFull) this.#waiting.set(exchange, wire);
    else this.#ask(exchange, wire);
  }

  #serveWaiting(): void {
    for (const [exchange, wire] of this.#waiting) {
      if (this.isFull) break;
      this.#waiting.delete(exchange);
      if (!exchange.isGone) this.#ask(exchange, wire);
    }
    this.onRelieved();
  }

  #ask(exchange: Exchange, wire: Uint8Array): void {
    const scan = this.#scan(wire);
    const { verdict } = scan;
    const arrivedAt = this.components.clock.now();
    this.#markUsed(arrivedAt);
    let failure: ErrorCode | undefined;
    const query = {
      wire,
      scan,
      transport: 'doh',
      family: this.#family,
      client: this.init.client,
      server: this.init.server,
      clientPort: this.#clientPort,
      tcpIdleMs: undefined,
      arrivedAt,
      onFailed: (code: ErrorCode): void => {
        failure = code;
      },
    } as const;
    const { replySpace } = this.init;
    const result = this.components.handler(query, replySpace);
    if (typeof result === 'number') {
      reply(exchange, Buffer.from(replySpace.subarray(0, result)), failure, verdict);
      return;
    }
    this.#asked.begin();
    void result.then((later) => {
      this.#asked.end();
      this.#markUsed(this.components.clock.now());
      if (!exchange.isGone) reply(exchange, later, failure, verdict);
      else this.components.metrics.dropped('send_failed');
      this.#serveWaiting();
    });
  }

  #markUsed(now: number): void {
    this.#idleSince = now;
    this.#bytesAtUse = this.socket.bytesRead;
    this.init.onUsed(this);
  }

  /**
   * Looks regularly whether the connection has been idle for too long: a new timer for each request would cost more.
   * node:http2 tells of no frame or header that leads to no request, so the octets are counted.
   */
  #startIdleTimer(): Timer {
    const { clock, limits } = this.components;
    const idleMs = this.#idleSince + limits.tcpIdleMs - clock.now();
    const delayMs = Math.min(limits.tcpIdleMs / CHECKS_PER_IDLE_TIME, idleMs > 0 ? idleMs : Infinity);
    return clock.schedule(delayMs, () => {
      const isFlooded = this.socket.bytesRead - this.#bytesAtUse > MAX_FRUITLESS_BYTES;
      // A connection that awaits an answer is not idle.
      const isIdle = !this.busy && clock.now() - this.#idleSince >= limits.tcpIdleMs;
      if (isFlooded) {
        this.components.metrics.dropped('tcp_message');
        // RFC 9113 §10.5. It would not read a GOAWAY either.
        this.evict();
      } else if (isIdle) this.end();
      else this.#idleTimer = this.#startIdleTimer();
    });
  }

  #startMessageTimer(delayMs: number): Timer {
    return this.components.clock.schedule(delayMs, () => {
      const { clock, limits, metrics } = this.components;
      this.#messageTimer = undefined;
      for (const [request, begunAt] of this.#receiving) {
        const remainingMs = begunAt + limits.tcpMessageMs - clock.now();
        if (remainingMs > 0) {
          this.#messageTimer = this.#startMessageTimer(remainingMs);
          return;
        }
        this.#receiving.delete(request);
        metrics.dropped('tcp_message');
        this.timeOut(request);
      }
    });
  }

  #linger(): void {
    if (this.#closed) return;
    this.#lingerTimer = this.components.clock.schedule(LINGER_MS, () => {
      this.components.metrics.dropped('tcp_unread');
      this.socket.destroy();
    });
  }

  #onClose(): void {
    this.#closed = true;
    this.#ending = true;
    this.#idleTimer.cancel();
    this.#messageTimer?.cancel();
    this.#lingerTimer?.cancel();
    this.#sent.resolve();
    this.#waiting.clear();
    this.#receiving.clear();
  }
}

/** RFC 8484 §4.2.1: every DNS message is a success in HTTP, whatever its RCODE. */
function reply(
  exchange: Exchange,
  message: Uint8Array,
  failure: ErrorCode | undefined,
  verdict: QueryScan['verdict'],
): void {
  if (message.length === 0) exchange.refuse(verdict === 'short' || verdict === 'response' ? 400 : 500);
  else if (failure !== undefined && TOO_MANY.has(failure)) exchange.refuse(429);
  else exchange.answer(message, freshnessSeconds(message));
}
