import { FLAG, FRAME, fields, frame } from '../../fixtures/dns/http2-frames.ts';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { dohTarget } from './honest-clients.ts';

type Field = readonly [name: string, value: string];

const SCHEME: Field = [':scheme', 'https'];
const AUTHORITY: Field = [':authority', 'localhost'];
const TYPE: Field = ['content-type', 'application/dns-message'];
const END = FLAG.endHeaders | FLAG.endStream;

const headers = (flags: number, ...pairs: readonly Field[]): Buffer => frame(FRAME.headers, flags, 1, fields(...pairs));
const data = (body: Uint8Array): Buffer => frame(FRAME.data, FLAG.endStream, 1, body);

/** Malformed requests (RFC 9113 §8.1.1, §8.2), as frames, by what is wrong with them. */
export interface MalformedRequests {
  /** Each would ask for the name if its fault were overlooked. */
  readonly refused: Readonly<Record<string, Buffer>>;
  /** Node removes the field and passes the rest on. Nothing behind dns4tor could read the field in another way. */
  readonly cleaned: Readonly<Record<string, Buffer>>;
}

export function malformedRequests(name: string): MalformedRequests {
  const wire = Buffer.from(buildQuery({ id: 0, name }));
  const method: Field = [':method', 'GET'];
  const path: Field = [':path', dohTarget(wire)];
  const pseudo = [method, SCHEME, AUTHORITY, path];
  const get = (...more: readonly Field[]): Buffer => headers(END, ...pseudo, ...more);
  const post = (body: Uint8Array, ...more: readonly Field[]): Buffer =>
    Buffer.concat([
      headers(FLAG.endHeaders, [':method', 'POST'], SCHEME, AUTHORITY, [':path', '/dns-query'], TYPE, ...more),
      data(body),
    ]);
  const lengthOf = (length: number): Field => ['content-length', String(length)];
  const refused = {
    'an upper-case field name': get(['X-Field', 'y']),
    Connection: get(['connection', 'close']),
    'Transfer-Encoding': get(['transfer-encoding', 'chunked']),
    'Keep-Alive': get(['keep-alive', 'timeout=5']),
    'Proxy-Connection': get(['proxy-connection', 'keep-alive']),
    Upgrade: get(['upgrade', 'h2c']),
    'TE that is not trailers': get(['te', 'gzip']),
    'a pseudo-header field after others': headers(END, method, SCHEME, ['x', 'y'], AUTHORITY, path),
    'two paths': get([':path', '/other']),
    'two methods': get([':method', 'POST']),
    'an unknown pseudo-header field': get([':unknown', 'y']),
    'a pseudo-header field of responses': get([':status', '200']),
    'no method': headers(END, SCHEME, AUTHORITY, path),
    'no scheme': headers(END, method, AUTHORITY, path),
    'no path': headers(END, method, SCHEME, AUTHORITY),
    'an empty path': headers(END, method, SCHEME, AUTHORITY, [':path', '']),
    'CR and LF in the path': headers(END, method, SCHEME, AUTHORITY, [':path', `${path[1]} HTTP/1.1\r\nx: y`]),
    'a tunnel with a path': headers(END, [':method', 'CONNECT'], SCHEME, AUTHORITY, path),
    'an extended tunnel': headers(END, [':method', 'CONNECT'], [':protocol', 'websocket'], SCHEME, AUTHORITY, path),
    'a body longer than its length': post(wire, lengthOf(wire.length - 1)),
    'a body shorter than its length': post(wire, lengthOf(wire.length + 1)),
    'a length without a body': headers(END, ...pseudo, lengthOf(wire.length)),
    'two different lengths': post(wire, lengthOf(wire.length), lengthOf(wire.length + 1)),
    'a length that is not a number': post(wire, ['content-length', '0x21']),
    'trailers that do not end the stream': Buffer.concat([
      headers(FLAG.endHeaders, [':method', 'POST'], SCHEME, AUTHORITY, [':path', '/dns-query'], TYPE),
      frame(FRAME.data, 0, 1, wire),
      headers(FLAG.endHeaders, ['x', 'y']),
      data(new Uint8Array(0)),
    ]),
    'trailers with a path': Buffer.concat([
      headers(FLAG.endHeaders, [':method', 'POST'], SCHEME, AUTHORITY, [':path', '/other'], TYPE),
      frame(FRAME.data, 0, 1, wire),
      headers(END, [':path', '/dns-query']),
    ]),
    'DATA before HEADERS': Buffer.concat([data(wire), get()]),
  };
  const cleaned = {
    'an empty field name': get(['', 'y']),
    'a space in a field name': get(['x y', 'z']),
    'a colon in a field name': get(['x:y', 'z']),
    'a NUL in a value': get(['x', 'y\0z']),
    'CR and LF in a value': get(['x', 'y\r\nhost: other']),
  };
  return { refused, cleaned };
}

/** The control: the same request without a fault. */
export function wellFormedRequest(name: string): Buffer {
  const wire = buildQuery({ id: 0, name });
  return headers(END, [':method', 'GET'], SCHEME, AUTHORITY, [':path', dohTarget(wire)], ['te', 'trailers']);
}
