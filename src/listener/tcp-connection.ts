import type { Socket } from 'node:net';
import type { Timer } from '../lib/clock.ts';
import { createQueryScanner, type QueryScanner } from '../message/scan-query.ts';
import type { AddressFamily } from '../metrics/metrics.ts';
import { DROP, type Drop } from '../resolver/query.ts';
import { frame, MessageReader } from './framing.ts';
import { InFlight } from './in-flight.ts';
import type { ListenerComponents } from './listener.ts';

/** RFC 7766 §6.2.3: an idle connection is kept for a few seconds. Only a whole message shows that it is in use. */
const IDLE_MS = 10_000;

/** A message that has begun must have ended after this long, however its bytes trickle in. */
const MESSAGE_MS = 2000;

/** Queries of one connection that are in flight at once (RFC 7766 §6.2.1.1); beyond, its next ones are not read yet. */
const MAX_PIPELINED = 100;

/** Replies that a client has not taken yet; beyond, its next queries are not read. */
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
  #timerFor: 'idle' | 'message' = 'idle';
  #ending = false;

  constructor(components: ListenerComponents, socket: Socket) {
    this.#components = components;
    this.#socket = socket;
    this.#client = socket.remoteAddress ?? '';
    this.#family = socket.remoteFamily === 'IPv6' ? 6 : 4;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('drain', () => this.#readOn());
    // RFC 7766 §6.2.4: a client that has sent all its queries may close its side and still wait for the answers.
    socket.on('end', () => this.end());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#timer?.cancel());
    this.#startTimer('idle', IDLE_MS);
  }

  /** Reads no more, answers what is in flight, then closes. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#timer?.cancel();
    void this.#inFlight.idle().then(() => {
      this.#socket.end();
      this.#timer = this.#components.clock.schedule(LINGER_MS, () => this.#socket.destroy());
    });
  }

  /** Resolves when all that was asked is answered. */
  idle(): Promise<void> {
    return this.#inFlight.idle();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #onData(chunk: Uint8Array): void {
    if (this.#ending) return;
    for (const message of this.#reader.push(chunk)) this.#onMessage(message);
    if (this.#ending) return;
    this.#watch();
    this.#throttle();
  }

  /** The clock of a begun message runs from its first byte; the idle clock from the last whole message. */
  #watch(): void {
    if (!this.#reader.midway) this.#startTimer('idle', IDLE_MS);
    else if (this.#timerFor === 'idle') this.#startTimer('message', MESSAGE_MS);
  }

  #startTimer(purpose: 'idle' | 'message', delayMs: number): void {
    this.#timer?.cancel();
    this.#timerFor = purpose;
    this.#timer = this.#components.clock.schedule(delayMs, () => {
      // Waiting for our answer is not idling.
      if (purpose === 'idle' && this.#inFlight.count > 0) this.#startTimer('idle', IDLE_MS);
      else this.end();
    });
  }

  #onMessage(wire: Uint8Array): void {
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
    this.#readOn();
  }

  #reply(reply: Uint8Array | Drop): void {
    if (reply === DROP) return this.end();
    if (this.#socket.writable) this.#socket.write(frame(reply));
    else this.#components.metrics.dropped('send_failed');
  }

  get #busy(): boolean {
    return this.#inFlight.count >= MAX_PIPELINED || this.#socket.writableLength > MAX_UNSENT_BYTES;
  }

  #throttle(): void {
    if (this.#busy) this.#socket.pause();
  }

  #readOn(): void {
    if (!this.#busy && this.#socket.isPaused()) this.#socket.resume();
  }
}
