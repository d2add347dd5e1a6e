import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { MAX_MESSAGE_BYTES } from '../../message/wire/header.ts';
import type { ListenerComponents } from '../listener.ts';
import { DohConnection, type DohConnectionInit, type Exchange } from './doh-connection.ts';
import { type Http1Parser, Http1Stream } from './http1-parser.ts';
import { type RequestHead, readRequest } from './request-head.ts';
import { messageHeader, type RefusalStatus, refusalHeader } from './response-head.ts';

/**
 * Maximum octets given to the parser at once. They hold at most about 160 requests, which bounds how far the pipelined
 * requests can exceed their limit.
 */
const SLICE_BYTES = 4096;

/** RFC 9112 §3.2.2. */
const ABSOLUTE_FORM = /^https?:\/\/[^/?#]*/i;

interface Http1ConnectionInit extends DohConnectionInit {
  readonly parser: Http1Parser;
}

/** One client's HTTP/1.1 connection (RFC 9112). Pipelined requests are asked together and answered in order. */
export class Http1Connection extends DohConnection {
  readonly #stream: Http1Stream;
  readonly #input: Uint8Array[] = [];
  /** Requests without a sent response, in order. */
  readonly #pending = new Set<Http1Exchange>();
  #inputEnded = false;
  /** What the stream is closed with once the pending responses are sent. */
  #lastWords: string | undefined;

  /** @param socket owned from here on; nothing has been read from it yet */
  constructor(components: ListenerComponents, socket: Socket, init: Http1ConnectionInit) {
    super(components, socket, init);
    this.#stream = new Http1Stream(socket, this);
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('end', () => {
      this.#inputEnded = true;
      this.feed();
    });
    socket.on('close', () => this.#onSocketClosed());
    init.parser.serve(this.#stream);
    socket.resume();
  }

  protected finish(): void {
    this.#input.length = 0;
    this.endReceiving(this);
    // Further input is read and discarded. Closing with unread input would reset the connection and lose the last
    // responses.
    this.socket.resume();
    this.#closeIfDone();
  }

  protected timeOut(): void {
    const last = [...this.#pending].at(-1);
    if (last !== undefined && !last.isComplete) return this.#refuseLast(last, 408);
    this.#lastWords = rawResponse(408, 'Request Timeout');
    this.end();
  }

  protected onRelieved(): void {
    this.feed();
  }

  #onData(chunk: Uint8Array): void {
    if (this.isEnding) return;
    this.#input.push(chunk);
    this.feed();
  }

  /** Passes input to the parser while it wants more and the limits allow more requests. */
  feed(): void {
    if (this.isEnding) return;
    const isFull = this.isFull || this.#pending.size >= this.components.limits.tcpPipelined;
    const [chunk] = this.#input;
    if (chunk === undefined) {
      if (this.#inputEnded) this.end();
      else this.socket.resume();
      return;
    }
    this.socket.pause();
    // What arrives late now is late because of us.
    if (isFull) return this.endReceiving(this);
    if (!this.#stream.wantsInput) return;
    if (!this.isReceiving(this)) this.beginReceiving(this);
    if (chunk.length <= SLICE_BYTES) this.#input.shift();
    else this.#input[0] = chunk.subarray(SLICE_BYTES);
    this.#stream.give(chunk.subarray(0, SLICE_BYTES));
  }

  /** Called by the parser for each header. */
  onRequest(request: IncomingMessage, response: ServerResponse): void {
    if (this.isEnding) return;
    const exchange = new Http1Exchange(this, response);
    this.#pending.add(exchange);
    response.once('close', () => this.#onSent(exchange));
    const { head, isValid, hasBody } = readHead(request);
    const verdict = isValid ? readRequest(head, this.init.path) : 400;
    if (verdict === 'body') return this.#receive(request, exchange);
    // RFC 9110 §9.3.1: content of a GET request has no meaning, and might be another request in disguise.
    const accepted = hasBody && typeof verdict !== 'number' ? 400 : verdict;
    if (typeof accepted !== 'number') return this.#onComplete(exchange, accepted);
    // The body that follows is not read.
    if (hasBody || !isValid) return this.#refuseLast(exchange, accepted);
    this.endReceiving(this);
    exchange.refuse(accepted);
  }

  #refuseLast(exchange: Http1Exchange, status: RefusalStatus): void {
    exchange.isLast = true;
    exchange.refuse(status);
    this.end();
  }

  /** Called when the parser cannot read the input. */
  onInvalid(isTooLarge: boolean): void {
    this.#lastWords ??= isTooLarge
      ? rawResponse(431, 'Request Header Fields Too Large')
      : rawResponse(400, 'Bad Request');
    this.end();
  }

  #receive(request: IncomingMessage, exchange: Http1Exchange): void {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    request.on('error', () => {});
    request.on('data', (chunk: Uint8Array) => {
      if (this.isEnding) return;
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes <= MAX_MESSAGE_BYTES) return;
      this.#refuseLast(exchange, 413);
    });
    request.on('end', () => {
      if (this.isEnding) return;
      this.#onComplete(exchange, Buffer.concat(chunks, bytes));
    });
  }

  #onComplete(exchange: Http1Exchange, wire: Uint8Array): void {
    this.endReceiving(this);
    exchange.isComplete = true;
    this.opened();
    this.ask(exchange, wire);
  }

  #onSent(exchange: Http1Exchange): void {
    if (!this.#pending.delete(exchange)) return;
    this.countUnsent(-exchange.sentBytes);
    if (exchange.isComplete) this.closed(exchange);
    else this.feed();
    this.#closeIfDone();
  }

  #onSocketClosed(): void {
    this.#input.length = 0;
    for (const exchange of this.#pending) this.#onSent(exchange);
  }

  #closeIfDone(): void {
    if (!this.isEnding || this.#stream.writableEnded) return;
    for (const { isComplete, isAnswered } of this.#pending) if (isComplete || isAnswered) return;
    if (this.#lastWords !== undefined) this.#stream.write(this.#lastWords);
    this.#stream.end();
  }

  /** Whether the connection closes after this response. */
  isLast(exchange: Http1Exchange): boolean {
    return this.isEnding && this.#lastWords === undefined && [...this.#pending].at(-1) === exchange;
  }

  sending(bytes: number): void {
    this.countUnsent(bytes);
  }
}

/** A response to a request whose header the parser could not read (RFC 9112 §4). */
function rawResponse(status: number, reason: string): string {
  return `HTTP/1.1 ${status} ${reason}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`;
}

/** A request and its response. */
class Http1Exchange implements Exchange {
  readonly #connection: Http1Connection;
  readonly #response: ServerResponse;
  isComplete = false;
  isAnswered = false;
  isLast = false;
  sentBytes = 0;

  constructor(connection: Http1Connection, response: ServerResponse) {
    this.#connection = connection;
    this.#response = response;
  }

  get isGone(): boolean {
    return this.#response.destroyed;
  }

  answer(reply: Uint8Array, maxAgeSeconds: number): void {
    this.#send(200, messageHeader(reply.length, maxAgeSeconds), reply);
  }

  refuse(status: RefusalStatus): void {
    this.#send(status, refusalHeader(status));
  }

  #send(status: number, header: string[], body?: Uint8Array): void {
    const response = this.#response;
    this.isAnswered = true;
    this.sentBytes = body?.length ?? 0;
    this.#connection.sending(this.sentBytes);
    response.sendDate = false;
    if (this.isLast || this.#connection.isLast(this)) response.shouldKeepAlive = false;
    // RFC 9112 §9.3: HTTP/1.1 keeps connections open without being told.
    else if (response.req.httpVersionMinor === 1 && response.shouldKeepAlive) response.removeHeader('connection');
    response.writeHead(status, header);
    response.end(body);
  }
}

function readHead({ method = '', url = '', rawHeaders, httpVersionMajor, httpVersionMinor }: IncomingMessage): {
  head: RequestHead;
  isValid: boolean;
  hasBody: boolean;
} {
  let contentType: string | undefined;
  let contentEncoding: string | undefined;
  let contentLength: string | undefined;
  let isFromWebPage = false;
  let hosts = 0;
  let hasTransferCoding = false;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const value = rawHeaders[i + 1];
    switch ((rawHeaders[i] as string).toLowerCase()) {
      case 'host':
        hosts++;
        break;
      case 'content-type':
        contentType ??= value;
        break;
      case 'content-encoding':
        contentEncoding ??= value;
        break;
      case 'content-length':
        contentLength = value;
        break;
      case 'transfer-encoding':
        hasTransferCoding = true;
        break;
      case 'origin':
      case 'sec-fetch-site':
        isFromWebPage = true;
        break;
    }
  }
  return {
    head: {
      method,
      target: url.replace(ABSOLUTE_FORM, ''),
      contentType,
      contentEncoding,
      contentLength,
      isFromWebPage,
    },
    // RFC 9112 §3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that
    // lacks a Host header field and to any request message that contains more than one Host header field line".
    // RFC 9112 §2.3: another major version is another protocol. Node's parser accepts 0.9 and 2.0.
    isValid: httpVersionMajor === 1 && (hosts === 1 || (hosts === 0 && httpVersionMinor === 0)),
    hasBody: hasTransferCoding || Number(contentLength ?? 0) > 0,
  };
}
