import type { Socket } from 'node:net';
import type { Timer } from '../../lib/clock.ts';
import { frame, MessageReader } from '../../message/wire/framing.ts';
import { createQueryScanner, type QueryScanner } from '../../message/wire/scan-query.ts';
import type { AddressFamily } from '../../model/query.ts';
import type { ServedConnection, Slot } from '../connection-listener.ts';
import { InFlight } from '../in-flight.ts';
import { LINGER_MS, type ListenerComponents } from '../listener.ts';

type TimerPurpose = 'idle' | 'message';

interface TcpConnectionInit extends Slot<TcpConnection> {
  readonly transport: 'tcp' | 'dot';
  /** Buffer for a reply of any size. It is used only while a query is being handled, so connections may share it. */
  readonly replySpace: Uint8Array;
}

/**
 * One client's TCP connection, with or without TLS. Queries may be pipelined and are answered out of order (RFC 7766
 * §6.2.1.1, §7).
 */
export class TcpConnection implements ServedConnection {
  readonly #components: ListenerComponents;
  readonly #init: TcpConnectionInit;
  readonly #socket: Socket;
  readonly #scan: QueryScanner = createQueryScanner();
  readonly #reader = new MessageReader();
  readonly #inFlight = new InFlight();
  /** Resolves when everything is sent, or when nothing more can be. */
  readonly #sent = Promise.withResolvers<void>();
  readonly #clientPort: number;
  readonly #family: AddressFamily;
  #timer: Timer | undefined;
  #timerFor: TimerPurpose = 'idle';
  #idleSince: number;
  /** The client has closed its side. */
  #inputEnded = false;
  /** No further query is handled. */
  #ending = false;
  /** Pausing until the next turn of the event loop, so that other connections get theirs. */
  #yielding = false;

  /** @param socket owned from here on; nothing has been read from it yet */
  constructor(components: ListenerComponents, socket: Socket, init: TcpConnectionInit) {
    this.#components = components;
    this.#init = init;
    this.#socket = socket;
    this.#idleSince = components.clock.now();
    // Undefined if the client has already disconnected.
    this.#clientPort = socket.remotePort ?? 0;
    this.#family = socket.remoteFamily === 'IPv6' ? 6 : 4;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('end', () => this.#onEnd());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#onClose());
    socket.resume();
    this.#startTimer('idle');
  }

  get idleSince(): number {
    return this.#idleSince;
  }

  get busy(): boolean {
    return this.#inFlight.count > 0;
  }

  /** Handles no further query, answers those in flight, then closes. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#timer?.cancel();
    // Further input is read and discarded. Closing with unread input would reset the connection and lose the last
    // replies.
    this.#socket.resume();
    void this.#inFlight.idle().then(() => this.#close());
  }

  /** Resolves when no query is in flight and, if the connection is closing, its last replies are sent. */
  async idle(): Promise<void> {
    await this.#inFlight.idle();
    if (this.#ending) await this.#sent.promise;
  }

  evict(): void {
    this.#socket.destroy();
  }

  #close(): void {
    if (this.#socket.destroyed) return;
    // TLS sends its last records, among them close_notify (RFC 8446 §6.1), in later turns of the event loop.
    this.#socket.end(() => this.#sent.resolve());
    this.#timer = this.#components.clock.schedule(LINGER_MS, () => {
      this.#components.metrics.dropped('tcp_unread');
      this.#socket.destroy();
    });
  }

  #onData(chunk: Uint8Array): void {
    if (this.#ending) return;
    this.#reader.push(chunk);
    this.#serve();
  }

  /** RFC 7766 §6.2.4: a client that has sent all its queries may close its side and still wait for the answers. */
  #onEnd(): void {
    this.#inputEnded = true;
    this.#serve();
  }

  #onClose(): void {
    this.#ending = true;
    this.#timer?.cancel();
    this.#sent.resolve();
  }

  /**
   * Handles the complete queries received so far. Stops at `tcpPipelined` queries in flight, and after as many per turn
   * of the event loop. Called whenever bytes have arrived or replies have been sent.
   */
  #serve(): void {
    const { tcpPipelined } = this.#components.limits;
    let handled = 0;
    while (!this.#ending && !this.#blocked) {
      const wire = this.#reader.next();
      if (wire === undefined) break;
      this.#handle(wire);
      handled++;
      if (handled === tcpPipelined) this.#yield();
    }
    if (this.#ending) return;
    if (handled > 0) this.#markUsed();
    if (this.#blocked) this.#socket.pause();
    else if (this.#inputEnded) return this.end();
    else this.#socket.resume();
    this.#updateTimer(handled > 0);
  }

  #yield(): void {
    this.#yielding = true;
    setImmediate(() => {
      this.#yielding = false;
      this.#serve();
    });
  }

  #markUsed(): void {
    this.#idleSince = this.#components.clock.now();
    this.#init.onUsed(this);
  }

  /** Whether reading is paused. */
  get #blocked(): boolean {
    const { tcpPipelined, tcpUnsentBytes } = this.#components.limits;
    const isFull = this.#inFlight.count >= tcpPipelined || this.#socket.writableLength > tcpUnsentBytes;
    return isFull || this.#yielding;
  }

  /**
   * Chooses the timer that must run. The message timer runs from the first byte of an incomplete message, the idle
   * timer from the last complete message. While reading is paused, the rest of a message cannot arrive.
   */
  #updateTimer(handledAny: boolean): void {
    const purpose = this.#reader.midway && !this.#blocked ? 'message' : 'idle';
    if (handledAny || purpose !== this.#timerFor) this.#startTimer(purpose);
  }

  #startTimer(purpose: TimerPurpose): void {
    const { clock, limits, metrics } = this.#components;
    this.#timer?.cancel();
    this.#timerFor = purpose;
    this.#timer = clock.schedule(purpose === 'idle' ? limits.tcpIdleMs : limits.tcpMessageMs, () => {
      // A connection that awaits an answer is not idle.
      if (purpose === 'idle' && this.#inFlight.count > 0) return this.#startTimer('idle');
      if (purpose === 'message') metrics.dropped('tcp_message');
      this.end();
    });
  }

  #handle(wire: Uint8Array): void {
    const query = {
      wire,
      scan: this.#scan(wire),
      transport: this.#init.transport,
      family: this.#family,
      client: this.#init.client,
      clientPort: this.#clientPort,
      server: this.#init.server,
      // RFC 7828 §3.3.2: the idle time that a client is told on request.
      tcpIdleMs: this.#init.idleMs(),
      arrivedAt: this.#components.clock.now(),
    } as const;
    const { replySpace } = this.#init;
    const result = this.#components.handler(query, replySpace);
    if (typeof result === 'number') this.#reply(replySpace.subarray(0, result));
    else void this.#replyLater(result);
  }

  async #replyLater(result: Promise<Uint8Array>): Promise<void> {
    this.#inFlight.begin();
    this.#reply(await result);
    this.#inFlight.end();
    if (!this.busy) this.#markUsed();
    this.#serve();
  }

  #reply(reply: Uint8Array): void {
    if (reply.length === 0) return this.end();
    if (!this.#socket.writable) return this.#components.metrics.dropped('send_failed');
    const framed = frame(reply);
    if (this.#socket.writableLength + framed.length <= this.#components.limits.tcpUnsentBytes) {
      this.#socket.write(framed);
    } else {
      // Node emits 'drain' only after its own high-water mark was exceeded, which may be higher than our bound.
      this.#socket.write(framed, (error) => this.#onWritten(error));
    }
  }

  #onWritten(error: Error | null | undefined): void {
    if (!error && this.#socket.isPaused()) this.#serve();
  }
}
