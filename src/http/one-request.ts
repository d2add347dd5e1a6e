import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

const CR = 13;
/** RFC 9112 §2.1: an empty line ends the header of a request. */
const END_OF_HEADER = [CR, 10, CR, 10] as const;

/**
 * A connection as its HTTP parser sees it: the header of one request, and nothing after it. No request here has a body.
 * A second, pipelined request (RFC 9112 §9.3.2) is useless, because the connection closes after the first answer; a
 * thousand of them in one segment would cost milliseconds to parse. Emits `begun` before its first octet, since no
 * parser is needed sooner.
 */
export class OneRequest extends Duplex {
  readonly #socket: Socket;
  #hasBegun = false;
  /** How many octets of END_OF_HEADER the input ends with so far. */
  #matched = 0;

  /** @param socket owned from here on */
  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    socket.on('data', (chunk) => this.#take(chunk));
    // Every error is followed by `close`.
    socket.on('error', () => {});
    socket.on('end', () => (this.#hasBegun ? this.push(null) : this.destroy()));
    socket.on('close', () => this.destroy());
    // Does not wait for what the client still sends.
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

  /**
   * Detects that the client has gone while an endless answer is sent. Any further input ends the connection as well.
   */
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
