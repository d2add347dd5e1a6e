import type { ServerResponse } from 'node:http';

/** A complete response. */
export interface HttpResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Uint8Array;
}

/**
 * What a browser may do with a response: run and fetch only what this server serves, never show it in a frame or give
 * it to another site's page, guess no content type, send no Referer, and keep nothing.
 */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
};

/** A plain-text response. */
export function text(status: number, body: string): HttpResponse {
  return { status, contentType: 'text/plain; charset=utf-8', body };
}

/**
 * A JSON response.
 * @param value serialized JSON
 */
export function json(status: number, value: string): HttpResponse {
  return { status, contentType: 'application/json', body: `${value}\n` };
}

/** Sends a response and ends the connection after it. */
export function send(response: ServerResponse, { status, contentType, body }: HttpResponse): void {
  // RFC 9110 §15.5.6: a 405 response must name the allowed methods.
  if (status === 405) response.setHeader('Allow', 'GET, HEAD');
  response.writeHead(status, {
    ...SECURITY_HEADERS,
    Connection: 'close',
    'Content-Type': contentType,
    'Content-Length': Buffer.byteLength(body),
  });
  response.end(body);
}
