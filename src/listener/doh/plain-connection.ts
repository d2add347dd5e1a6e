import type { Socket } from 'node:net';
import type { Timer } from '../../lib/clock.ts';
import type { ServedConnection } from '../connection-listener.ts';
import type { ListenerComponents } from '../listener.ts';

/** RFC 9113 §3.4: the first octets of HTTP/2. No method of HTTP/1.1 begins like this. */
const PREFACE = Buffer.from('PRI');

/** A connection without TLS that becomes another one when its first octets tell which version of HTTP it speaks. */
export class PlainConnection implements ServedConnection {
  readonly #socket: Socket;
  readonly #serve: (socket: Socket, isHttp2: boolean) => ServedConnection;
  readonly #openedAt: number;
  readonly #timer: Timer;
  #begun: Buffer = Buffer.alloc(0);
  #served: ServedConnection | undefined;

  /**
   * @param socket owned from here on; nothing has been read from it yet
   * @param serve serves the connection; nothing seems to have been read from the socket then either
   */
  constructor(
    { clock, limits }: ListenerComponents,
    socket: Socket,
    serve: (socket: Socket, isHttp2: boolean) => ServedConnection,
  ) {
    this.#socket = socket;
    this.#serve = serve;
    this.#openedAt = clock.now();
    this.#timer = clock.schedule(limits.tcpIdleMs, () => socket.destroy());
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('close', () => this.#timer.cancel());
    socket.resume();
  }

  readonly #onData = (chunk: Buffer): void => {
    const socket = this.#socket;
    this.#begun = Buffer.concat([this.#begun, chunk]);
    if (this.#begun.length < PREFACE.length) return;
    this.#timer.cancel();
    socket.off('data', this.#onData).off('end', this.#onEnd).pause();
    socket.unshift(this.#begun);
    this.#served = this.#serve(socket, this.#begun.subarray(0, PREFACE.length).equals(PREFACE));
  };

  readonly #onEnd = (): void => void this.#socket.destroy();

  get idleSince(): number {
    return this.#served?.idleSince ?? this.#openedAt;
  }

  get busy(): boolean {
    return this.#served?.busy ?? false;
  }

  end(): void {
    if (this.#served === undefined) this.#socket.destroy();
    else this.#served.end();
  }

  evict(): void {
    this.#socket.destroy();
  }

  async idle(): Promise<void> {
    await this.#served?.idle();
  }
}
