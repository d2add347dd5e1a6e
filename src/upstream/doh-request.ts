import { type ClientHttp2Session, type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2';
import type { Deadline } from '../lib/deadline.ts';
import { Dns4torError } from '../lib/errors.ts';
import { MAX_MESSAGE_BYTES } from '../message/header.ts';
import { DohStatusError } from './doh-status-error.ts';
import { parseAge, parseDate, parseMediaType, parseRetryAfterMs } from './http-fields.ts';

/**
 * Maximum informational responses per request. RFC 9110 §15.2 allows any number of them before the final response, but
 * a server that sends more than this is flooding.
 */
const MAX_INFORMATIONAL = 16;

/** RFC 8484 §6. */
const MEDIA_TYPE = 'application/dns-message';

export interface DohResponse {
  readonly body: Uint8Array;
  /** When the response was made by the server's clock (RFC 9110 §6.6.1): milliseconds since 1970; undefined if it does not say. */
  readonly madeAtEpochMs: number | undefined;
  /** How long HTTP caches have held the response (RFC 9111 §5.1); 0 if they do not say. */
  readonly ageSeconds: number;
  /** The Alt-Svc field's value (RFC 7838 §3), if there is one. */
  readonly altSvc: string | undefined;
}

/**
 * POSTs one DNS message. At the deadline it resets the stream, which frees the stream's place on the connection.
 * Rejects with ERR_DOH_STATUS, ERR_DOH_CONTENT_TYPE, ERR_DOH_BODY_SIZE, ERR_DEADLINE, ERR_GIVEN_UP, or with
 * ERR_UPSTREAM_CONNECTION when the stream is lost.
 */
export function dohRequest(
  session: ClientHttp2Session,
  url: URL,
  query: Uint8Array,
  deadline: Deadline,
): Promise<DohResponse> {
  return new Promise((resolve, reject) => {
    const stream = openStream(session, url, query);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    let headers: IncomingHttpHeaders | undefined;
    let informational = 0;

    const settle = (error: Dns4torError | undefined): void => {
      timer.cancel();
      if (error === undefined) {
        resolve({
          body: Buffer.concat(chunks, bytes),
          madeAtEpochMs: parseDate(headers?.date),
          ageSeconds: parseAge(headers?.age),
          altSvc: headers?.['alt-svc'],
        });
      } else reject(error);
    };
    const giveUp = (error: Dns4torError): void => {
      settle(error);
      stream.close(constants.NGHTTP2_CANCEL);
    };
    const timer = deadline.schedule(() => giveUp(deadline.toError()));

    stream.on('headers', () => {
      // RFC 9113 §10.5: suspicious activity may be treated as a connection error of type ENHANCE_YOUR_CALM.
      if (++informational > MAX_INFORMATIONAL) session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    });
    stream.on('response', (received) => {
      headers = received;
      const error = responseProblem(received);
      if (error !== undefined) giveUp(error);
    });
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_MESSAGE_BYTES) giveUp(new Dns4torError('ERR_DOH_BODY_SIZE'));
      else chunks.push(chunk);
    });
    // 'close' follows.
    stream.on('error', () => {});
    stream.on('close', () => {
      // A stream that was reset ends like one that is complete, but for this code.
      const complete = headers !== undefined && stream.rstCode === constants.NGHTTP2_NO_ERROR;
      if (complete) return settle(undefined);
      // RFC 9113 §8.7: a refused stream is mostly one that a GOAWAY left out. Node tells of the stream first, and the query is to be sent
      // again when the connection is known to take no more.
      setImmediate(() => settle(new Dns4torError('ERR_UPSTREAM_CONNECTION')));
    });
  });
}

function openStream(session: ClientHttp2Session, url: URL, query: Uint8Array): ClientHttp2Stream {
  try {
    // All that is ever sent. RFC 8484 §8.2: the less, the less there is to recognise a client by.
    const stream = session.request({
      ':method': 'POST',
      ':authority': url.host,
      ':path': url.pathname,
      accept: MEDIA_TYPE,
      'content-type': MEDIA_TYPE,
      'content-length': query.length,
    });
    stream.end(query);
    return stream;
  } catch (error) {
    // The session ended in this turn of the event loop, and has not said so yet.
    throw new Dns4torError('ERR_UPSTREAM_CONNECTION', undefined, error);
  }
}

function responseProblem(headers: IncomingHttpHeaders): Dns4torError | undefined {
  const status = Number(headers[':status']);
  // RFC 8484 §4.2.1: any DNS answer, an RCODE of failure too, comes with 2xx; any other status says nothing about the name.
  if (!(status >= 200 && status <= 299)) {
    return new DohStatusError(status, parseRetryAfterMs(headers['retry-after'], headers.date));
  }
  if (parseMediaType(headers['content-type']) !== MEDIA_TYPE) return new Dns4torError('ERR_DOH_CONTENT_TYPE');
  return undefined;
}
