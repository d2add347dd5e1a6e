import type { Client, Dispatcher } from 'undici';
import { Dns4torError } from '../lib/errors.ts';
import { MAX_MESSAGE_BYTES } from '../message/header.ts';

/** RFC 8484 §6. */
const MEDIA_TYPE = 'application/dns-message';

/** All that is ever sent beside the pseudo-headers and Content-Length. RFC 8484 §8.2: the less, the less there is to recognise a client by. */
const HEADERS = { accept: MEDIA_TYPE, 'content-type': MEDIA_TYPE } as const;

export interface DohResponse {
  readonly body: Uint8Array;
  /** How long HTTP caches have held the response (RFC 9111 §5.1); 0 if they do not say. */
  readonly ageSeconds: number;
}

/**
 * POSTs one DNS message on an HTTP/2 client. The client gets no AbortSignal: signals that fire together send Node's HTTP/2 code into
 * an endless loop, so a caller who has waited long enough just stops waiting.
 * Rejects with ERR_DOH_STATUS, ERR_DOH_CONTENT_TYPE, ERR_DOH_BODY_SIZE, or ERR_UPSTREAM_CONNECTION for whatever befell the stream.
 */
export function dohRequest(client: Client, path: string, query: Uint8Array): Promise<DohResponse> {
  return new Promise((resolve, reject) => {
    // RFC 8484 §4.1: a query changes nothing at the server, so it may be sent beside others and again.
    client.dispatch(
      { method: 'POST', path, headers: HEADERS, body: query, idempotent: true },
      new ResponseCollector(resolve, reject),
    );
  });
}

class ResponseCollector implements Dispatcher.DispatchHandler {
  readonly #resolve: (response: DohResponse) => void;
  readonly #reject: (error: Dns4torError) => void;
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;
  #ageSeconds = 0;

  constructor(resolve: (response: DohResponse) => void, reject: (error: Dns4torError) => void) {
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onRequestStart(): void {}

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    // RFC 8484 §4.2.1: any DNS answer, an RCODE of failure too, comes with 2xx; any other status says nothing about the name.
    if (status < 200 || status > 299) {
      controller.abort(new Dns4torError('ERR_DOH_STATUS', `HTTP status ${status}`));
    } else if (mediaTypeOf(headers['content-type']) !== MEDIA_TYPE) {
      controller.abort(new Dns4torError('ERR_DOH_CONTENT_TYPE'));
    }
    this.#ageSeconds = parseAge(headers['age']);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_MESSAGE_BYTES) controller.abort(new Dns4torError('ERR_DOH_BODY_SIZE'));
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.#resolve({ body: Buffer.concat(this.#chunks, this.#bytes), ageSeconds: this.#ageSeconds });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#reject(error instanceof Dns4torError ? error : new Dns4torError('ERR_UPSTREAM_CONNECTION', undefined, error));
  }
}

function mediaTypeOf(header: string | string[] | undefined): string {
  return String(header ?? '')
    .split(';', 1)
    .join('')
    .trim()
    .toLowerCase();
}

/** RFC 9111 §1.2.2: a non-negative number of seconds; whatever else stands there is as good as nothing. */
function parseAge(header: string | string[] | undefined): number {
  return typeof header === 'string' && /^\d{1,9}$/.test(header) ? Number(header) : 0;
}
