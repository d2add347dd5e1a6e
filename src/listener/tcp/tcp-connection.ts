import type { Socket } from 'node:net';
import type { Timer } from '../../lib/clock.ts';
import { frame, MessageReader } from '../../message/wire/framing.ts';
import { createQueryScanner, type QueryScanner } from '../../message/wire/scan-query.ts';
import type { AddressFamily } from '../../model/query.ts';
import { InFlight } from '../in-flight.ts';
import type { ListenerComponents } from '../listener.ts';
import type { Seated } from './tcp-places.ts';

/** How long a client may take to fetch its last replies before the connection is cut. */
const LINGER_MS = 5000;

type TimerPurpose = 'idle' | 'message';

export interface TcpConnectionInit {
  /** The client's address. */
  readonly client: string;
  /** Buffer for a reply of any size. It is in use only while a query is being handled, so connections may share it. */
  readonly replySpace: Uint8Array;
  /** How long the connection may be idle, as announced to a client that asks (RFC 7828 §3.3.2). */
  readonly idleMs: () => number;
  /** Called when a complete message has arrived, and when the last answer in flight has been sent. */
  readonly onUsed: (connection: TcpConnection) => void;
}

/** One client's TCP connection: queries pipelined, each answered when its answer is there (RFC 7766 §6.2.1.1, §7). */
export class TcpConnection implements Seated {
  readonly #components: ListenerComponents;
  readonly #init: TcpConnectionInit;
  readonly #socket: Socket;
  readonly #scan: QueryScanner = createQueryScanner();
  readonly #reader = new MessageReader();
  readonly #inFlight = new InFlight();
  readonly #clientPort: number;
  readonly #family: AddressFamily;
  #timer: Timer | undefined;
  #timerFor: TimerPurpose = 'idle';
  #idleSince: number;
  /** The client has closed its side. */
  #inputEnded = false;
  /** No more queries are begun. */
  #ending = false;
  /** It pauses until the other connections have had their turn. */
  #yielding = false;

  /** @param socket owned from here on; nothing has been read from it yet */
  constructor(components: ListenerComponents, socket: Socket, init: TcpConnectionInit) {
    this.#components = components;
    this.#init = init;
    this.#socket = socket;
    this.#idleSince = components.clock.now();
    // It has none any more where it has gone already.
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

  giveWay(): void {
    this.#socket.destroy();
  }

  #close(): void {
    if (this.#socket.destroyed) return;
    this.#socket.end();
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
  }

  /**
   * Begins the complete queries: at most as many as may be in flight and, of those answered at once, at most as many
   * per turn of the event loop. Called whenever bytes have arrived or replies have been sent.
   */
  #serve(): void {
    const { tcpPipelined } = this.#components.limits;
    let begun = 0;
    while (!this.#ending && !this.#blocked) {
      const wire = this.#reader.next();
      if (wire === undefined) break;
      this.#begin(wire);
      begun++;
      if (begun === tcpPipelined) this.#yield();
    }
    if (this.#ending) return;
    if (begun > 0) this.#use();
    if (this.#blocked) this.#socket.pause();
    else if (this.#inputEnded) return this.end();
    else this.#socket.resume();
    this.#watch(begun > 0);
  }

  #yield(): void {
    this.#yielding = true;
    setImmediate(() => {
      this.#yielding = false;
      this.#serve();
    });
  }

  #use(): void {
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
   * The clock of a begun message runs from its first byte, the idle clock from the last whole message. While nothing is read, the rest of a
   * message cannot come.
   */
  #watch(begun: boolean): void {
    const purpose = this.#reader.midway && !this.#blocked ? 'message' : 'idle';
    if (begun || purpose !== this.#timerFor) this.#startTimer(purpose);
  }

  #startTimer(purpose: TimerPurpose): void {
    const { clock, limits, metrics } = this.#components;
    this.#timer?.cancel();
    this.#timerFor = purpose;
    this.#timer = clock.schedule(purpose === 'idle' ? limits.tcpIdleMs : limits.tcpMessageMs, () => {
      // Waiting for our answer is not idling.
      if (purpose === 'idle' && this.#inFlight.count > 0) return this.#startTimer('idle');
      if (purpose === 'message') metrics.dropped('tcp_message');
      this.end();
    });
  }

  #begin(wire: Uint8Array): void {
    const query = {
      wire,
      scan: this.#scan(wire),
      transport: 'tcp',
      family: this.#family,
      client: this.#init.client,
      clientPort: this.#clientPort,
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
    if (!this.busy) this.#use();
    this.#serve();
  }

  #reply(reply: Uint8Array): void {
    if (reply.length === 0) return this.end();
    if (!this.#socket.writable) return this.#components.metrics.dropped('send_failed');
    const framed = frame(reply);
    if (this.#socket.writableLength + framed.length <= this.#components.limits.tcpUnsentBytes) {
      this.#socket.write(framed);
    } else {
      // Not 'drain': Node emits it only after its own high-water mark was exceeded, whatever our bound is.
      this.#socket.write(framed, (error) => this.#onWritten(error));
    }
  }

  #onWritten(error: Error | null | undefined): void {
    if (!error && this.#socket.isPaused()) this.#serve();
  }
}
