import type { Socket } from 'node:net';
import type { Timer } from '../lib/clock.ts';
import { createQueryScanner, type QueryScanner } from '../message/scan-query.ts';
import type { AddressFamily } from '../metrics/metrics.ts';
import { DROP, type Drop } from '../resolver/query.ts';
import { frame, MessageReader } from './framing.ts';
import { InFlight } from './in-flight.ts';
import type { ListenerComponents } from './listener.ts';

/**
 * - `idle`: RFC 7766 §6.2.3 keeps an idle connection for a few seconds. Only a whole message shows that it is in use.
 * - `message`: a message that has begun must have ended after this long, however its bytes trickle in.
 */
const LIMIT_MS = { idle: 10_000, message: 2000 } as const;

/** Queries of one connection that are in flight at once (RFC 7766 §6.2.1.1); beyond, its next ones wait and no more are read. */
const MAX_PIPELINED = 100;

/** Replies that a client has not taken yet; beyond, its next queries wait and no more are read. */
const MAX_UNSENT_BYTES = 65_536;

/** How long a client may take to fetch its last replies before the connection is cut. */
const LINGER_MS = 5000;

/** One client's TCP connection: queries pipelined, each answered when its answer is there (RFC 7766 §6.2.1.1, §7). */
export class TcpConnection {
  readonly #components: ListenerComponents;
  readonly #socket: Socket;
  readonly #scan: QueryScanner = createQueryScanner();
  readonly #reader = new MessageReader();
  readonly #inFlight = new InFlight();
  readonly #client: string;
  readonly #family: AddressFamily;
  #timer: Timer | undefined;
  #timerFor: keyof typeof LIMIT_MS = 'idle';
  /** The client has closed its side. */
  #inputEnded = false;
  /** No more queries are begun. */
  #ending = false;

  constructor(components: ListenerComponents, socket: Socket) {
    this.#components = components;
    this.#socket = socket;
    this.#client = socket.remoteAddress ?? '';
    this.#family = socket.remoteFamily === 'IPv6' ? 6 : 4;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('drain', () => this.#serve());
    socket.on('end', () => this.#onEnd());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#onClose());
    this.#startTimer('idle');
  }

  /** Begins no more queries, answers those in flight, then closes. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#timer?.cancel();
    // What comes now is read and thrown away: closing over unread bytes would reset the connection, and the last replies would be lost.
    this.#socket.resume();
    void this.#inFlight.idle().then(() => this.#close());
  }

  /** Resolves when all that was begun is answered. */
  idle(): Promise<void> {
    return this.#inFlight.idle();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #close(): void {
    if (this.#socket.destroyed) return;
    this.#socket.end();
    this.#timer = this.#components.clock.schedule(LINGER_MS, () => this.#socket.destroy());
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
  }

  /** Begins the queries that are whole, as many as may be in flight. To be called whenever bytes have come or replies have left. */
  #serve(): void {
    let begun = false;
    while (!this.#ending && !this.#busy) {
      const wire = this.#reader.next();
      if (wire === undefined) break;
      this.#begin(wire);
      begun = true;
    }
    if (this.#ending) return;
    if (this.#busy) this.#socket.pause();
    else if (this.#inputEnded) return this.end();
    else this.#socket.resume();
    this.#watch(begun);
  }

  get #busy(): boolean {
    return this.#inFlight.count >= MAX_PIPELINED || this.#socket.writableLength > MAX_UNSENT_BYTES;
  }

  /**
   * The clock of a begun message runs from its first byte, the idle clock from the last whole message. While nothing is read, the rest of a
   * message cannot come.
   */
  #watch(begun: boolean): void {
    const purpose = this.#reader.midway && !this.#busy ? 'message' : 'idle';
    if (begun || purpose !== this.#timerFor) this.#startTimer(purpose);
  }

  #startTimer(purpose: keyof typeof LIMIT_MS): void {
    this.#timer?.cancel();
    this.#timerFor = purpose;
    this.#timer = this.#components.clock.schedule(LIMIT_MS[purpose], () => {
      // Waiting for our answer is not idling.
      if (purpose === 'idle' && this.#inFlight.count > 0) this.#startTimer('idle');
      else this.end();
    });
  }

  #begin(wire: Uint8Array): void {
    const result = this.#components.handler({
      wire,
      scan: this.#scan(wire),
      transport: 'tcp',
      family: this.#family,
      client: this.#client,
      arrivedAt: this.#components.clock.now(),
    });
    if (result instanceof Promise) void this.#replyLater(result);
    else this.#reply(result);
  }

  async #replyLater(result: Promise<Uint8Array | Drop>): Promise<void> {
    this.#inFlight.begin();
    this.#reply(await result);
    this.#inFlight.end();
    this.#serve();
  }

  #reply(reply: Uint8Array | Drop): void {
    if (reply === DROP) return this.end();
    if (this.#socket.writable) this.#socket.write(frame(reply));
    else this.#components.metrics.dropped('send_failed');
  }
}
