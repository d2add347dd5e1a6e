import type { Timer } from '../../lib/clock.ts';
import type { Deadline } from '../../lib/deadline.ts';
import { Dns4torError } from '../../failures/errors.ts';
import { MAX_MESSAGE_BYTES } from '../../message/wire/header.ts';
import type { HttpConnection, RequestController, RequestHandler } from './http-connection.ts';
import { parseAge, parseDate, parseMediaType, parseRetryAfterMs } from './http-fields.ts';

/**
 * Maximum informational responses per request. RFC 9110 §15.2 allows any number of them before the final response, but
 * a server that sends more than this is flooding.
 */
const MAX_INFORMATIONAL = 16;

/** RFC 8484 §6. */
const MEDIA_TYPE = 'application/dns-message';

type Headers = Readonly<Record<string, string | string[] | undefined>>;

export interface DohResponse {
  readonly body: Uint8Array;
  /** When the response was made by the server's clock (RFC 9110 §6.6.1): milliseconds since 1970; undefined if it does not say. */
  readonly madeAtEpochMs: number | undefined;
  /** How long HTTP caches have held the response (RFC 9111 §5.1); 0 if they do not say. */
  readonly ageSeconds: number;
  /** The Alt-Svc field's value (RFC 7838 §3), if there is one. */
  readonly altSvc: string | undefined;
}

export interface DohRequestInit {
  readonly connection: HttpConnection;
  readonly query: Uint8Array;
  readonly deadline: Deadline;
  /** Called when the server sends too many informational responses. */
  readonly onFlood: () => void;
}

/** ERR_DOH_STATUS with the HTTP status code. */
export class DohStatusError extends Dns4torError {
  /** Status code of the response (RFC 9110 §15). */
  readonly status: number;
  /** The wait that the response's Retry-After field asks for (RFC 9110 §10.2.3), in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(status: number, retryAfterMs?: number) {
    super('ERR_DOH_STATUS', `HTTP status ${status}`);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * POSTs one DNS message and takes the response.
 *
 * Over HTTP/2 a failed or abandoned request resets its stream, which frees the stream's place on the connection. Over
 * HTTP/1.1 only the end of the connection stops a response. So there the rest of an unusable response is read and
 * discarded, and so is the response to a query that was given up early. At the deadline the connection ends.
 */
export class DohRequest implements RequestHandler {
  /**
   * Rejects with ERR_DOH_STATUS, ERR_DOH_CONTENT_TYPE, ERR_DOH_BODY_SIZE, ERR_DEADLINE, ERR_GIVEN_UP, or with
   * ERR_UPSTREAM_CONNECTION when the request is lost.
   */
  readonly response: Promise<DohResponse>;
  /** Called when the request's place on the connection is free, if that is later than the end of {@link response}. */
  onFree: (() => void) | undefined;
  readonly #init: DohRequestInit;
  readonly #timer: Timer;
  readonly #chunks: Uint8Array[] = [];
  readonly #resolve: (response: DohResponse) => void;
  readonly #reject: (error: Dns4torError) => void;
  #controller: RequestController | undefined;
  #headers: Headers | undefined;
  #bytes = 0;
  #informational = 0;
  /** Why the response is unusable. */
  #problem: Dns4torError | undefined;
  /** Why the request was aborted. */
  #abortedFor: Dns4torError | undefined;
  #isSettled = false;
  #isFree = false;

  constructor(init: DohRequestInit) {
    this.#init = init;
    const { promise, resolve, reject } = Promise.withResolvers<DohResponse>();
    this.response = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#timer = init.deadline.schedule(() => this.#onDeadline());
    // All that is ever sent besides what the protocol needs. RFC 8484 §8.2: the less, the less there is to recognise a
    // client by.
    const headers = ['accept', MEDIA_TYPE, 'content-type', MEDIA_TYPE, 'content-length', String(init.query.length)];
    // Leak mutation: headers
    init.connection.post(headers, init.query, this);
  }

  /** Whether the request's place on the connection can be used again. */
  get isFree(): boolean {
    return this.#isFree;
  }

  /** Ends the request: {@link response} rejects with `error`, unless it has ended. */
  abort(error: Dns4torError): void {
    this.#fail(error);
    this.#abortedFor ??= error;
    this.#controller?.abort(error);
  }

  #onDeadline(): void {
    const error = this.#problem ?? this.#init.deadline.toError();
    if (this.#init.deadline.isGivenUp && !this.#init.connection.isHttp2) this.#fail(error);
    else this.abort(error);
  }

  #fail(error: Dns4torError): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#timer.cancel();
    this.#reject(error);
  }

  #refuse(problem: Dns4torError): void {
    if (this.#init.connection.isHttp2) this.abort(problem);
    else this.#problem ??= problem;
  }

  #free(): void {
    this.#isFree = true;
    this.onFree?.();
  }

  onRequestStart(controller: RequestController): void {
    this.#controller = controller;
    if (this.#abortedFor !== undefined) controller.abort(this.#abortedFor);
  }

  onResponseStart(_controller: RequestController, status: number, headers: Headers): void {
    if (status < 200) {
      // RFC 9113 §10.5: suspicious activity may be treated as a connection error of type ENHANCE_YOUR_CALM.
      if (++this.#informational > MAX_INFORMATIONAL) this.#init.onFlood();
      return;
    }
    this.#headers = headers;
    const problem = responseProblem(status, headers);
    if (problem !== undefined) this.#refuse(problem);
  }

  onResponseData(_controller: RequestController, chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_MESSAGE_BYTES) this.abort(this.#problem ?? new Dns4torError('ERR_DOH_BODY_SIZE'));
    else if (!this.#isSettled) this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const headers = this.#headers;
    if (this.#problem !== undefined || headers === undefined) {
      this.#fail(this.#problem ?? new Dns4torError('ERR_UPSTREAM_CONNECTION'));
    } else if (!this.#isSettled) {
      this.#isSettled = true;
      this.#timer.cancel();
      this.#resolve({
        body: Buffer.concat(this.#chunks, this.#bytes),
        madeAtEpochMs: parseDate(fieldOf(headers, 'date')),
        ageSeconds: parseAge(fieldOf(headers, 'age')),
        altSvc: listOf(headers, 'alt-svc'),
      });
    }
    this.#free();
  }

  onResponseError(): void {
    if (this.#isSettled) return this.#free();
    // RFC 9113 §8.7: a refused stream is mostly one that a GOAWAY left out. Node tells of the stream first, and the
    // query is to be sent again when the connection is known to take no more.
    setImmediate(() => {
      this.#fail(new Dns4torError('ERR_UPSTREAM_CONNECTION'));
      this.#free();
    });
  }
}

function responseProblem(status: number, headers: Headers): Dns4torError | undefined {
  // RFC 8484 §4.2.1: any DNS answer, an RCODE of failure too, comes with 2xx; any other status says nothing about the name.
  if (!(status >= 200 && status <= 299)) {
    return new DohStatusError(status, parseRetryAfterMs(fieldOf(headers, 'retry-after'), fieldOf(headers, 'date')));
  }
  if (parseMediaType(fieldOf(headers, 'content-type')) !== MEDIA_TYPE) return new Dns4torError('ERR_DOH_CONTENT_TYPE');
  return undefined;
}

/** The field's value; the first of several, which RFC 9110 §5.3 does not allow for a field with a single value. */
function fieldOf(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'object' ? value[0] : value;
}

/** The field's values as one list (RFC 9110 §5.3). */
function listOf(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'object' ? value.join(', ') : value;
}
