import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { MAX_HEADER_BYTES } from './request-head.ts';

/** Where the parser delivers the requests of a connection. */
interface RequestSink {
  onRequest(request: IncomingMessage, response: ServerResponse): void;
  onInvalid(isTooLarge: boolean): void;
  feed(): void;
}

/** Parses the requests of any number of HTTP/1.1 connections. Strict, whatever the environment says. */
export class Http1Parser {
  /** Does not listen, and only parses the connections that are given to it. Its timeouts need a listening socket. */
  readonly #server: Server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    insecureHTTPParser: false,
    // Checked with the rest of the header.
    requireHostHeader: false,
    keepAliveTimeout: 0,
  });

  constructor() {
    const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
      if (request.socket instanceof Http1Stream) request.socket.sink.onRequest(request, response);
    };
    this.#server.maxHeadersCount = 0;
    this.#server.on('request', onRequest).on('checkExpectation', onRequest);
    this.#server.on('clientError', (error: Error & { code?: string }, stream) => {
      if (stream instanceof Http1Stream) stream.sink.onInvalid(error.code === 'HPE_HEADER_OVERFLOW');
    });
  }

  serve(stream: Http1Stream): void {
    this.#server.emit('connection', stream);
  }
}

/** A connection as the parser sees it: it gets the input that the connection's limits allow. */
export class Http1Stream extends Duplex {
  readonly sink: RequestSink;
  readonly #socket: Socket;
  #wantsInput = false;

  /** @param socket owned from here on */
  constructor(socket: Socket, sink: RequestSink) {
    super({ readableHighWaterMark: 1 });
    this.sink = sink;
    this.#socket = socket;
    socket.on('close', () => this.destroy());
    this.on('error', () => socket.destroy());
  }

  get wantsInput(): boolean {
    return this.#wantsInput;
  }

  give(input: Uint8Array): void {
    this.#wantsInput = false;
    this.push(input);
  }

  override _read(): void {
    this.#wantsInput = true;
    this.sink.feed();
  }

  override _write(chunk: Uint8Array, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  /** Header and body of a response leave in one TLS record. */
  override _writev(chunks: readonly { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#socket.write(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(_: Error | null, done: () => void): void {
    this.#socket.destroy();
    done();
  }
}
