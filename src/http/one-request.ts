import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

const CR = 13;
/** RFC 9112 §2.1: an empty line ends the header of a request. */
const END_OF_HEADER = [CR, 10, CR, 10] as const;

/**
 * A connection as the HTTP parser sees it: the header of one request and nothing after it. Requests here have no body.
 * Pipelined requests (RFC 9112 §9.3.2) are cut off, because the connection closes after the first answer and a thousand
 * of them in one segment would cost milliseconds to parse. Emits `begun` before the first octet: a parser is not needed
 * earlier.
 */
export class OneRequest extends Duplex {
  readonly #socket: Socket;
  #hasBegun = false;
  /** Number of octets of END_OF_HEADER at the end of the input so far. */
  #matched = 0;

  /** @param socket owned by this stream from now on */
  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    socket.on('data', (chunk) => this.#take(chunk));
    // `close` follows every error.
    socket.on('error', () => {});
    socket.on('end', () => (this.#hasBegun ? this.push(null) : this.destroy()));
    socket.on('close', () => this.destroy());
    // Does not wait for further input.
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

  /** Detects that the client has disconnected from an endless answer. Further input also ends the connection. */
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
