import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

const CR = 13;
/** RFC 9112 §2.1: the empty line at which a request's header ends. */
const END_OF_HEADER = [CR, 10, CR, 10] as const;

/**
 * A connection as its HTTP parser sees it: one request's header, and nothing of what follows. No body is wanted here, and a second request that
 * came with the first (pipelining, RFC 9112 §9.3.2) would have to wait anyway for a connection that is closed after the first answer. A
 * thousand of them in one segment cost milliseconds to parse. Emits `begun` before its first octet: a parser is not needed sooner.
 */
export class OneRequest extends Duplex {
  readonly #socket: Socket;
  #hasBegun = false;
  /** How many of the last octets are the beginning of END_OF_HEADER. */
  #matched = 0;

  /** @param socket belongs to this from here on */
  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    socket.on('data', (chunk) => this.#take(chunk));
    // Each error is followed by the close.
    socket.on('error', () => {});
    socket.on('end', () => (this.#hasBegun ? this.push(null) : this.destroy()));
    socket.on('close', () => this.destroy());
    // What the other end still sends is not waited for.
    this.on('finish', () => this.destroy());
  }

  #take(chunk: Buffer): void {
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      this.emit('begun');
    }
    for (const [index, octet] of chunk.entries()) {
      if (octet === END_OF_HEADER[this.#matched]) this.#matched += 1;
      else this.#matched = octet === CR ? 1 : 0;
      if (this.#matched === END_OF_HEADER.length) {
        this.#socket.removeAllListeners('data').pause();
        this.push(chunk.subarray(0, index + 1));
        return;
      }
    }
    this.push(chunk);
  }

  /** Watches for the other end to leave while an answer goes on without an end. It has nothing more to say. */
  watchForEnd(): void {
    this.#socket.on('data', () => this.destroy()).resume();
  }

  override _read(): void {}

  override _write(chunk: Uint8Array, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(_: Error | null, done: () => void): void {
    this.#socket.destroy();
    done();
  }
}
