import { BYTES_PER_KIB } from '../../lib/units.ts';
import { DNS_MESSAGE } from '../../message/media-type.ts';
import { MAX_MESSAGE_BYTES } from '../../message/wire/header.ts';
import type { RefusalStatus } from './response-head.ts';

/** Maximum size of a request's header. */
export const MAX_HEADER_BYTES: number = 16 * BYTES_PER_KIB;

/** The part of an HTTP request that decides what it asks for. */
export interface RequestHead {
  readonly method: string;
  /** The path with its query (RFC 9112 §3.2.1). */
  readonly target: string;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  readonly contentLength: string | undefined;
  /** Whether the header has `Sec-Fetch-Site` or `Origin`. */
  readonly isFromWebPage: boolean;
}

/**
 * What a request asks for: the DNS message of a GET request, `body` if the message is the body of the request, or the
 * status that refuses it.
 */
export type RequestVerdict = Uint8Array | 'body' | RefusalStatus;

/**
 * Reads the head of a request (RFC 8484 §4.1).
 * @param path the path of the only resource
 */
export function readRequest(head: RequestHead, path: string): RequestVerdict {
  // Leak mutation: request
  // A website could otherwise learn from response times which names are in the cache, and cause queries. Every browser
  // sends one of these headers for a page (Fetch Metadata §2, Fetch §3.2), but not for its own name resolution.
  if (head.isFromWebPage) return 403;
  const { target, method } = head;
  const mark = target.indexOf('?');
  if ((mark === -1 ? target : target.slice(0, mark)) !== path) return 404;
  if (method === 'POST') return readPost(head);
  if (method !== 'GET' && method !== 'HEAD') return 405;
  return mark === -1 ? 400 : readParameter(target.slice(mark + 1));
}

function readPost({ contentType, contentEncoding, contentLength }: RequestHead): RequestVerdict {
  // RFC 9110 §15.5.16: also for a content coding that the server does not support.
  if (contentEncoding !== undefined && contentEncoding.toLowerCase() !== 'identity') return 415;
  if (contentType !== DNS_MESSAGE && !isDnsMessage(contentType)) return 415;
  return Number(contentLength ?? 0) > MAX_MESSAGE_BYTES ? 413 : 'body';
}

/** RFC 9110 §8.3.1: media types ignore case, and parameters may follow. */
function isDnsMessage(contentType = ''): boolean {
  const [type = ''] = contentType.split(';', 1);
  return type.trim().toLowerCase() === DNS_MESSAGE;
}

const NAME = 'dns=';
const BASE64URL = /^[\w-]+$/;

/** Number of base64url characters of the longest message. */
const MAX_CHARACTERS = Math.ceil((MAX_MESSAGE_BYTES * 4) / 3);

/** Reads the variable `dns` of the query (RFC 8484 §4.1.1). Others are ignored. */
function readParameter(query: string): Uint8Array | RefusalStatus {
  let text: string | undefined;
  for (const parameter of query.split('&')) {
    if (!parameter.startsWith(NAME)) continue;
    // A proxy might read the other one.
    if (text !== undefined) return 400;
    text = parameter.slice(NAME.length);
  }
  if (text === undefined) return 400;
  if (text.length > MAX_CHARACTERS) return 413;
  // RFC 8484 §6: base64url without padding. One character after whole groups of four holds no octet (RFC 4648 §5).
  if (!BASE64URL.test(text) || text.length % 4 === 1) return 400;
  return Buffer.from(text, 'base64url');
}
