import type { Socket } from 'node:net';
import type { ErrorCode } from '../../failures/failures.ts';
import type { Timer } from '../../lib/clock.ts';
import { createQueryScanner, type QueryScan } from '../../message/wire/scan-query.ts';
import type { AddressFamily } from '../../model/query.ts';
import type { ServedConnection, Slot } from '../connection-listener.ts';
import { InFlight } from '../in-flight.ts';
import type { ListenerComponents } from '../listener.ts';
import { freshnessSeconds } from './freshness.ts';
import type { RefusalStatus } from './response-head.ts';

/** Time limit for a client to read its last replies before the connection is destroyed. */
const LINGER_MS = 5000;

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

interface Waiting {
  readonly exchange: Exchange;
  readonly wire: Uint8Array;
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
  readonly #waiting: Waiting[] = [];
  /** When each incomplete request began, the earliest first. */
  readonly #receiving = new Map<object, number>();
  readonly #clientPort: number;
  readonly #family: AddressFamily;
  #idleSince: number;
  #idleTimer: Timer;
  #messageTimer: Timer | undefined;
  #lingerTimer: Timer | undefined;
  /** Octets of responses that the client has not read. */
  #unsentBytes = 0;
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
    this.#idleTimer = this.#startIdleTimer(components.limits.tcpIdleMs);
    // `close` follows every error.
    socket.on('error', () => socket.destroy());
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

  /** Resolves when the responses to all complete requests are sent. */
  idle(): Promise<void> {
    return this.#open.idle();
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
    this.#markUsed(this.components.clock.now());
  }

  /** A response to a complete request is sent, or cannot be. */
  protected closed(): void {
    this.#open.end();
    this.serveWaiting();
  }

  /** Counts octets that are handed to the socket, or that have left it if negative. */
  protected countUnsent(bytes: number): void {
    this.#unsentBytes += bytes;
  }

  /** Asks as soon as the limits allow it. */
  protected ask(exchange: Exchange, wire: Uint8Array): void {
    if (this.isFull) this.#waiting.push({ exchange, wire });
    else this.#ask(exchange, wire);
  }

  /** Asks what waits for other queries and responses. */
  protected serveWaiting(): void {
    while (!this.isFull) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      if (!next.exchange.isGone) this.#ask(next.exchange, next.wire);
    }
    this.onRelieved();
  }

  #ask(exchange: Exchange, wire: Uint8Array): void {
    const scan = this.#scan(wire);
    const { verdict } = scan;
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
      arrivedAt: this.components.clock.now(),
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
      this.serveWaiting();
    });
  }

  #markUsed(now: number): void {
    this.#idleSince = now;
    this.init.onUsed(this);
  }

  /** Checks later whether the connection has been idle for too long: a timer for each request would cost more. */
  #startIdleTimer(delayMs: number): Timer {
    return this.components.clock.schedule(delayMs, () => {
      const { clock, limits } = this.components;
      const remainingMs = this.#idleSince + limits.tcpIdleMs - clock.now();
      // A connection that awaits an answer is not idle.
      if (this.busy) this.#idleTimer = this.#startIdleTimer(limits.tcpIdleMs);
      else if (remainingMs > 0) this.#idleTimer = this.#startIdleTimer(remainingMs);
      else this.end();
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
    this.#waiting.length = 0;
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
