import { Dns4torError } from '../../failures/errors.ts';
import type { Timer } from '../../lib/clock.ts';
import type { Deadline } from '../../lib/deadline.ts';
import { DNS_MESSAGE } from '../../message/media-type.ts';
import { MAX_MESSAGE_BYTES } from '../../message/wire/header.ts';
import type { HttpConnection, RequestController, RequestHandler } from './http-connection.ts';
import { parseAge, parseDate, parseMediaType, parseRetryAfterMs } from './http-fields.ts';

/**
 * Maximum informational responses per request. RFC 9110 §15.2 allows any number before the final response, but a server
 * that sends more than this is flooding.
 */
const MAX_INFORMATIONAL = 16;

type Headers = Readonly<Record<string, string | string[] | undefined>>;

interface DohResponse {
  readonly body: Uint8Array;
  /** The Date field (RFC 9110 §6.6.1) in milliseconds since 1970; undefined if there is none. */
  readonly dateEpochMs: number | undefined;
  /** The Age field (RFC 9111 §5.1): how long HTTP caches have held the response. 0 if there is none. */
  readonly ageSeconds: number;
  /** Value of the Alt-Svc field (RFC 7838 §3), if there is one. */
  readonly altSvc: string | undefined;
}

interface DohRequestInit {
  readonly connection: HttpConnection;
  readonly query: Uint8Array;
  readonly deadline: Deadline;
  /** Called when the server sends too many informational responses. */
  readonly onFlood: () => void;
}

/** ERR_DOH_STATUS: the HTTP status code is not 2xx. */
export class DohStatusError extends Dns4torError {
  readonly status: number;
  /** Delay in milliseconds that the Retry-After field requests (RFC 9110 §10.2.3); undefined if there is none. */
  readonly retryAfterMs: number | undefined;

  constructor(status: number, retryAfterMs?: number) {
    super('ERR_DOH_STATUS', `HTTP status ${status}`);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * POSTs one DNS message and reads the response.
 *
 * Over HTTP/2, a failed or abandoned request resets its stream, which frees its place on the connection. Over HTTP/1.1,
 * only closing the connection stops a response. The rest of an unusable response, or the response to an abandoned
 * query, is therefore read and discarded, and the connection is closed only at the deadline.
 */
export class DohRequest implements RequestHandler {
  /**
   * Rejects with ERR_DOH_STATUS, ERR_DOH_CONTENT_TYPE, ERR_DOH_BODY_SIZE, ERR_DEADLINE, ERR_GIVEN_UP, or with
   * ERR_UPSTREAM_CONNECTION if the request is lost.
   */
  readonly response: Promise<DohResponse>;
  /** Called when the request no longer occupies the connection, unless {@link isFree} is already true. */
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
  /** Why the response is unusable, while the rest of it is read. */
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
    // No other optional fields are ever sent: the fewer, the harder it is to recognise a client (RFC 8484 §8.2).
    const headers = ['accept', DNS_MESSAGE, 'content-type', DNS_MESSAGE, 'content-length', String(init.query.length)];
    // Leak mutation: headers
    init.connection.post(headers, init.query, this);
  }

  /** Whether the request no longer occupies the connection, so that another can take its place. */
  get isFree(): boolean {
    return this.#isFree;
  }

  /** Ends the request. {@link response} rejects with `error`, unless it has settled. */
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
      // Suspicious activity may be treated as a connection error (RFC 9113 §10.5).
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
        dateEpochMs: parseDate(fieldOf(headers, 'date')),
        ageSeconds: parseAge(fieldOf(headers, 'age')),
        altSvc: listOf(headers, 'alt-svc'),
      });
    }
    this.#free();
  }

  onResponseError(): void {
    if (this.#isSettled) return this.#free();
    // Most refused streams are ones that a GOAWAY excludes (RFC 9113 §8.7). Node reports the stream before the GOAWAY.
    // The query must not be retried until the session knows that this connection takes no more requests.
    setImmediate(() => {
      this.#fail(new Dns4torError('ERR_UPSTREAM_CONNECTION'));
      this.#free();
    });
  }
}

function responseProblem(status: number, headers: Headers): Dns4torError | undefined {
  // Every DNS response comes with 2xx, whatever its RCODE. Other statuses do not concern the name (RFC 8484 §4.2.1).
  if (!(status >= 200 && status <= 299)) {
    return new DohStatusError(status, parseRetryAfterMs(fieldOf(headers, 'retry-after'), fieldOf(headers, 'date')));
  }
  if (parseMediaType(fieldOf(headers, 'content-type')) !== DNS_MESSAGE) return new Dns4torError('ERR_DOH_CONTENT_TYPE');
  return undefined;
}

/** Returns the value of a singleton field. If a server sends several, against RFC 9110 §5.3, the first one counts. */
function fieldOf(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'object' ? value[0] : value;
}

/** Returns the values of a list field, combined into one (RFC 9110 §5.3). */
function listOf(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'object' ? value.join(', ') : value;
}
