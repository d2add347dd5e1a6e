import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
  type ServerStreamResponseOptions,
} from 'node:http2';
import type { Socket } from 'node:net';
import { MAX_MESSAGE_BYTES } from '../../message/wire/header.ts';
import type { ListenerComponents, TcpLimits } from '../listener.ts';
import { DohConnection, type DohConnectionInit, type Exchange } from './doh-connection.ts';
import { MAX_HEADER_BYTES, readRequest } from './request-head.ts';
import { messageHeader, type RefusalStatus, refusalHeader } from './response-head.ts';

/** Maximum requests that a client may give up at once, as a browser does when a person closes a page. */
const MAX_RESETS_AT_ONCE = 200;
/** Maximum requests that it may give up in the long run. */
const MAX_RESETS_PER_SECOND = 33;

/** Node's type declarations lack `sendDate`. */
interface ResponseOptions extends ServerStreamResponseOptions {
  readonly sendDate: boolean;
}
const WITH_BODY: ResponseOptions = { sendDate: false };
const WITHOUT_BODY: ResponseOptions = { sendDate: false, endStream: true };

/** One client's HTTP/2 connection (RFC 9113). */
export class Http2Connection extends DohConnection {
  readonly #session: ServerHttp2Session;

  /** @param socket owned from here on */
  constructor(components: ListenerComponents, socket: Socket, init: DohConnectionInit) {
    super(components, socket, init);
    this.#session = performServerHandshake(socket, sessionOptions(components.limits));
    this.#session.on('error', () => socket.destroy());
    this.#session.on('stream', (stream, headers, flags) => this.#onStream(stream, headers, flags));
  }

  /** RFC 9113 §6.8: GOAWAY, after which the requests that have begun are still answered. */
  protected finish(): void {
    this.#session.close();
  }

  protected timeOut(request: object): void {
    if (!(request instanceof Http2Exchange)) return;
    this.#release(request);
    request.refuse(408);
  }

  protected onRelieved(): void {}

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number): void {
    const isComplete = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    const method = String(headers[':method']);
    const exchange = new Http2Exchange(stream, method === 'HEAD');
    const verdict = readRequest(
      {
        method,
        target: String(headers[':path']),
        contentType: headers['content-type'],
        contentEncoding: headers['content-encoding'],
        contentLength: headers['content-length'],
        isFromWebPage: headers['sec-fetch-site'] !== undefined || headers.origin !== undefined,
      },
      this.init.path,
    );
    stream.on('error', ignore);
    stream.once('close', () => this.#onClosed(exchange));
    if (typeof verdict === 'number') {
      if (isComplete || verdict === 413) exchange.refuse(verdict);
      else this.#receive(stream, exchange, verdict);
    } else if (verdict !== 'body') this.#onComplete(exchange, verdict);
    else if (isComplete) this.#onComplete(exchange, new Uint8Array(0));
    else this.#receive(stream, exchange);
  }

  /**
   * Receives the body of a request.
   * @param refusal status that refuses the request, regardless of its body. It is sent after the body, unless that is
   *   too large. RFC 9113 §8.1 permits an earlier response, but some proxies then report an error instead of it.
   */
  #receive(stream: ServerHttp2Stream, exchange: Http2Exchange, refusal?: RefusalStatus): void {
    const chunks: Uint8Array[] = [];
    this.beginReceiving(exchange);
    stream.on('data', (chunk: Uint8Array) => {
      if (!this.isReceiving(exchange)) return;
      exchange.incompleteBytes += chunk.length;
      const isTooMuch = !this.countIncomplete(chunk.length);
      const isTooLarge = exchange.incompleteBytes > MAX_MESSAGE_BYTES;
      if (!isTooMuch && !isTooLarge) {
        if (refusal === undefined) chunks.push(chunk);
        return;
      }
      chunks.length = 0;
      this.#release(exchange);
      exchange.refuse(refusal ?? (isTooLarge ? 413 : 429));
    });
    stream.on('end', () => {
      if (!this.isReceiving(exchange)) return;
      this.#release(exchange);
      if (refusal !== undefined) return exchange.refuse(refusal);
      const [first] = chunks;
      this.#onComplete(exchange, first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks));
    });
  }

  /** Its body is complete or given up. */
  #release(exchange: Http2Exchange): void {
    this.endReceiving(exchange);
    this.countIncomplete(-exchange.incompleteBytes);
    exchange.incompleteBytes = 0;
  }

  #onComplete(exchange: Http2Exchange, wire: Uint8Array): void {
    exchange.isComplete = true;
    exchange.onSending = this.#onSending;
    this.opened();
    this.ask(exchange, wire);
  }

  readonly #onSending = (bytes: number): void => this.countUnsent(bytes);

  #onClosed(exchange: Http2Exchange): void {
    this.#release(exchange);
    this.countUnsent(-exchange.sentBytes);
    if (exchange.isComplete) this.closed(exchange);
  }
}

function ignore(): void {}

class Http2Exchange implements Exchange {
  readonly #stream: ServerHttp2Stream;
  readonly #isHead: boolean;
  isComplete = false;
  onSending: ((bytes: number) => void) | undefined;
  sentBytes = 0;
  /** Octets of its body, while that is incomplete. */
  incompleteBytes = 0;

  constructor(stream: ServerHttp2Stream, isHead: boolean) {
    this.#stream = stream;
    this.#isHead = isHead;
  }

  get isGone(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }

  answer(reply: Uint8Array, maxAgeSeconds: number): void {
    if (this.isGone) return;
    const header = [':status', '200', ...messageHeader(reply.length, maxAgeSeconds)];
    this.sentBytes = reply.length;
    this.onSending?.(reply.length);
    // RFC 9110 §9.3.2: HEAD gets the header of the response to GET.
    if (this.#isHead) return this.#stream.respond(header, WITHOUT_BODY);
    this.#stream.respond(header, WITH_BODY);
    this.#stream.end(reply);
  }

  refuse(status: RefusalStatus): void {
    if (this.isGone) return;
    this.#stream.respond([':status', String(status), ...refusalHeader(status)], WITHOUT_BODY);
    // RFC 9113 §8.1: "the server MAY request that the client abort transmission of a request without error by sending a
    // RST_STREAM with an error code of NO_ERROR after sending a complete response".
    if (!this.#stream.readableEnded) this.#stream.close(constants.NGHTTP2_NO_ERROR);
  }
}

function sessionOptions({ tcpPipelined }: TcpLimits): ServerOptions {
  return {
    settings: {
      maxConcurrentStreams: tcpPipelined,
      maxHeaderListSize: MAX_HEADER_BYTES,
      enablePush: false,
    },
    maxSessionMemory: 1,
    // Rapid reset (CVE-2023-44487): a client that gives up more requests than this is disconnected.
    streamResetBurst: MAX_RESETS_AT_ONCE,
    streamResetRate: MAX_RESETS_PER_SECOND,
    maxHeaderListPairs: 64,
    maxSettings: 16,
    maxOutstandingPings: 1,
    maxSessionInvalidFrames: 10,
    maxSessionRejectedStreams: 100,
  };
}
