import { buildQuery } from '../../fixtures/dns/messages.ts';
import { dohTarget } from './honest-clients.ts';

/*
 * HTTP/1.1 requests that two parsers may read differently (RFC 9112 §11.2). Each carries a second query, for another
 * name, where a lenient parser would find one.
 */

/** Names of the query that a request may ask, and of the one that it must not. */
export interface SmuggledNames {
  readonly outer: string;
  readonly smuggled: string;
}

export interface SmugglingRequests {
  /** Requests whose framing is ambiguous or invalid. The server must refuse each and close the connection. */
  readonly invalid: Readonly<Record<string, string>>;
  /**
   * Requests that are valid but unusual. Each gets at most one answer. The second query is part of its body, or belongs
   * to another protocol.
   */
  readonly unusual: Readonly<Record<string, string>>;
  /** The control: two requests in one segment, each of which must be answered. */
  readonly pipelined: string;
  /** RFC 9110 §10.1.1: after an interim response, the body is read and answered. */
  readonly expecting: string;
  /** A body that ends before its length. */
  readonly truncated: string;
}

const HOST = 'Host: localhost';
const TYPE = 'Content-Type: application/dns-message';
const CODED = 'Transfer-Encoding: chunked';

const request = (line: string, fields: readonly string[], body = ''): string =>
  `${[line, ...fields].join('\r\n')}\r\n\r\n${body}`;
const post = (fields: readonly string[], body: string): string =>
  request('POST /dns-query HTTP/1.1', [HOST, TYPE, ...fields], body);
const lengthOf = (text: string): string => `Content-Length: ${text.length}`;
const chunked = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
const wireOf = (name: string): Buffer => Buffer.from(buildQuery({ id: 0, name }));

/** The requests by what is wrong with them, as text in Latin-1. */
export function smugglingRequests(names: SmuggledNames): SmugglingRequests {
  const target = dohTarget(wireOf(names.outer));
  const outer = wireOf(names.outer).toString('latin1');
  const smuggled = request(`GET ${dohTarget(wireOf(names.smuggled))} HTTP/1.1`, [HOST]);
  const both = outer + smuggled;
  const size = outer.length.toString(16);
  const bothChunked = chunked(outer) + smuggled;
  /** GET with what follows it. A parser that takes the fields to mean no body finds the second request. */
  const get = (...fields: readonly string[]): string => request(`GET ${target} HTTP/1.1`, [HOST, ...fields], smuggled);
  const invalid = {
    'Content-Length and Transfer-Encoding': post([lengthOf(outer), CODED], bothChunked),
    'Transfer-Encoding and Content-Length': post([CODED, lengthOf(bothChunked)], bothChunked),
    'a length of 0 beside chunks': post(['Content-Length: 0', CODED], smuggled),
    'an unknown transfer coding': post(['Transfer-Encoding: xchunked', lengthOf(outer)], both),
    'chunked before another coding': post(['Transfer-Encoding: chunked, identity'], bothChunked),
    'two Transfer-Encoding fields': post([CODED, 'Transfer-Encoding: identity'], bothChunked),
    'a space before the colon': post(['Transfer-Encoding : chunked', lengthOf(outer)], both),
    'a vertical tab before the value': post(['Transfer-Encoding: \vchunked', lengthOf(outer)], both),
    'a NUL in Transfer-Encoding': post(['Transfer-Encoding: chunked\0', lengthOf(outer)], both),
    'Transfer-Encoding on a folded line': post(['Transfer-Encoding:\r\n chunked', lengthOf(outer)], bothChunked),
    'a folded field': get('X: y', ' Content-Length: 5'),
    'two lengths': post([lengthOf(outer), lengthOf(both)], both),
    'a list of lengths': post([`${lengthOf(outer)}, ${outer.length + 1}`], both),
    'a length with a sign': post([`Content-Length: +${outer.length}`], both),
    'a negative length': post(['Content-Length: -1'], both),
    'a hexadecimal length': post([`Content-Length: 0x${size}`], both),
    'a length with a space in it': post([`Content-Length: ${outer.length} 0`], both),
    'a length beyond 64 bits': post(['Content-Length: 18446744073709551617'], both),
    'an empty length': post(['Content-Length:'], both),
    'bare LF as line end': post([lengthOf(outer)], outer).replaceAll('\r\n', '\n') + smuggled,
    'bare LF between fields': get('X: y\nContent-Length: 5'),
    'bare CR between fields': get('X: y\rContent-Length: 5'),
    'a NUL in a value': get('X: y\0z'),
    'a NUL in a name': get('X\0: y'),
    'a field without a colon': get('X'),
    'a field without a name': get(': y'),
    'a space before the first field': request(`GET ${target} HTTP/1.1`, [` ${HOST}`], smuggled),
    'no Host': request(`GET ${target} HTTP/1.1`, [], smuggled),
    'two Host fields': get('Host: other'),
    'a space in the target': request(`GET ${target} x HTTP/1.1`, [HOST], smuggled),
    'HTTP/0.9': `GET ${target}\r\n\r\n${smuggled}`,
    'HTTP/2.0 as text': request(`GET ${target} HTTP/2.0`, [HOST], smuggled),
    'a version that does not exist': request(`GET ${target} HTTP/1.10`, [HOST], smuggled),
    'the preface of HTTP/2': `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${smuggled}`,
    'a control character in the method': request(`G\u0001ET ${target} HTTP/1.1`, [HOST], smuggled),
    'a chunk size with a prefix': post([CODED], `0x${size}\r\n${outer}\r\n0\r\n\r\n${smuggled}`),
    'a chunk size with a bare LF': post([CODED], `${size}\n${outer}\r\n0\r\n\r\n${smuggled}`),
    'a bare LF in a chunk extension': post([CODED], `${size};\n${outer}\r\n0\r\n\r\n${smuggled}`),
    'a chunk longer than its size': post([CODED], `${size}\r\n${outer}xx\r\n0\r\n\r\n${smuggled}`),
    'a chunk size beyond 64 bits': post([CODED], `1${'0'.repeat(16)}\r\n${outer}\r\n0\r\n\r\n${smuggled}`),
  };
  const unusual = {
    'a body of GET that is a request': get(lengthOf(smuggled)),
    'a body after the query in POST': post([lengthOf(both)], both),
    'a body of OPTIONS': request('OPTIONS * HTTP/1.1', [HOST, lengthOf(smuggled)], smuggled),
    'a chunked body of GET': get(CODED).replace(
      smuggled,
      `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`,
    ),
    'an absolute target (RFC 9112 §3.2.2)': request(
      `GET https://other.example${target} HTTP/1.1`,
      [HOST, lengthOf(smuggled)],
      smuggled,
    ),
    'an upgrade to h2c': get(
      'Connection: Upgrade, HTTP2-Settings',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABk',
      lengthOf(smuggled),
    ),
    'an upgrade to WebSocket': get(
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
      lengthOf(smuggled),
    ),
    'a tunnel': request('CONNECT localhost:53 HTTP/1.1', ['Host: localhost:53'], smuggled),
    TRACE: request(`TRACE ${target} HTTP/1.1`, [HOST, lengthOf(smuggled)], smuggled),
    'an expectation that does not exist': post(['Expect: the-unexpected', lengthOf(smuggled)], smuggled),
    'a body longer than any query': post([lengthOf(smuggled.repeat(1000))], smuggled.repeat(1000)),
    'a compressed body': post(['Content-Encoding: gzip', lengthOf(smuggled)], smuggled),
    'another media type': request(
      'POST /dns-query HTTP/1.1',
      [HOST, 'Content-Type: text/plain', lengthOf(smuggled)],
      smuggled,
    ),
    'another path': request('POST /other HTTP/1.1', [HOST, TYPE, lengthOf(smuggled)], smuggled),
    'another method': request('PUT /dns-query HTTP/1.1', [HOST, TYPE, lengthOf(smuggled)], smuggled),
  };
  return {
    invalid,
    unusual,
    pipelined: request(`GET ${target} HTTP/1.1`, [HOST]) + smuggled,
    expecting: post(['Expect: 100-continue', lengthOf(outer)], outer),
    truncated: post([`Content-Length: ${outer.length + 1}`], outer),
  };
}
