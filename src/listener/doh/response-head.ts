import { DNS_MESSAGE } from '../../message/media-type.ts';

/**
 * Why a request gets no DNS message (RFC 9110 §15.5, RFC 6585):
 *
 * - 400: no DNS query in it. 403: sent by a web page. 404: another path. 405: another method.
 * - 408: its body took too long. 413: larger than a DNS message can be. 415: not a DNS message, or compressed.
 * - 429: too many queries are in flight. 431: its header is too large. 500: a defect.
 */
export type RefusalStatus = 400 | 403 | 404 | 405 | 408 | 413 | 415 | 429 | 431 | 500;

/** Delay after which a client may try again: by then, queries in flight have been answered or have failed. */
const RETRY_AFTER_SECONDS = '1';

/**
 * The header of a response with a DNS message: names and values alternately.
 *
 * RFC 8484 §8.2: there is nothing in it that the client does not need.
 * @param maxAgeSeconds how long an HTTP cache may keep the message
 */
export function messageHeader(messageBytes: number, maxAgeSeconds: number): string[] {
  return [
    'content-type',
    DNS_MESSAGE,
    'content-length',
    String(messageBytes),
    'cache-control',
    `max-age=${maxAgeSeconds}`,
  ];
}

/** The header of a response without a body: names and values alternately. */
export function refusalHeader(status: RefusalStatus): string[] {
  const header = ['content-length', '0'];
  // RFC 9110 §15.5.6: "The origin server MUST generate an Allow header field in a 405 response".
  if (status === 405) header.push('allow', 'GET, HEAD, POST');
  // RFC 6585 §4.
  if (status === 429) header.push('retry-after', RETRY_AFTER_SECONDS);
  return header;
}
