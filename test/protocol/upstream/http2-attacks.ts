import type { Attack } from '../../fixtures/dns/hostile-http2.ts';
import { FLAG, FRAME, fields, frame, SETTING, settings, u32 } from '../../fixtures/dns/http2-frames.ts';

const OK = fields([':status', '200'], ['content-type', 'application/dns-message']);
const NO_ERROR = 0;
const LAST_ERROR_CODE = 13;
const GREETING = settings();
/** GOAWAY payload with last stream ID 0: no stream was accepted (RFC 9113 §6.8). */
const NONE_ACCEPTED = u32(0, NO_ERROR);

const PING = frame(FRAME.ping, 0, 0, new Uint8Array(8));
const many = (each: Uint8Array, count: number): Buffer => Buffer.concat(Array.from({ length: count }, () => each));

/** Attacks of an HTTP/2 server on its client, by name. */
export const ATTACKS: Readonly<Record<string, Attack>> = {
  'an immediate GOAWAY': {
    onConnection: ({ socket }) => socket.write(Buffer.concat([GREETING, frame(FRAME.goaway, 0, 0, NONE_ACCEPTED)])),
  },
  'GOAWAY and an immediate close': {
    onConnection: ({ socket }) => socket.end(Buffer.concat([GREETING, frame(FRAME.goaway, 0, 0, NONE_ACCEPTED)])),
  },
  'endless GOAWAY after each request': {
    onRequest: ({ flood }, stream) => flood(() => frame(FRAME.goaway, 0, 0, u32(stream, NO_ERROR))),
  },
  'RST_STREAM with every code in turn': {
    onRequest: ({ socket }, stream) =>
      socket.write(frame(FRAME.rstStream, 0, stream, u32(((stream - 1) / 2) % (LAST_ERROR_CODE + 1)))),
  },
  'RST_STREAM with REFUSED_STREAM': {
    onRequest: ({ socket }, stream) => socket.write(frame(FRAME.rstStream, 0, stream, u32(7))),
  },
  'a flood of SETTINGS': {
    onConnection: ({ socket, flood }) => {
      socket.write(GREETING);
      flood(() => many(settings([SETTING.maxConcurrentStreams, 100]), 100));
    },
  },
  'a flood of PING': {
    onConnection: ({ socket, flood }) => {
      socket.write(GREETING);
      flood(() => many(PING, 100));
    },
  },
  'a PING every 500 ms': {
    onConnection: ({ socket, every }) => {
      socket.write(GREETING);
      every(500, () => socket.write(PING));
    },
  },
  'MAX_CONCURRENT_STREAMS of zero': {
    onConnection: ({ socket }) => socket.write(settings([SETTING.maxConcurrentStreams, 0])),
  },
  'an initial window of zero': {
    onConnection: ({ socket }) => socket.write(settings([SETTING.initialWindowSize, 0])),
  },
  'endless CONTINUATION frames': {
    onRequest: ({ socket, flood }, stream) => {
      socket.write(frame(FRAME.headers, 0, stream, OK));
      const field = fields(['x', 'y'.repeat(100)]);
      flood(() => frame(FRAME.continuation, 0, stream, many(field, 100)));
    },
  },
  'endless informational responses': {
    onRequest: ({ flood }, stream) => {
      const early = frame(FRAME.headers, FLAG.endHeaders, stream, fields([':status', '103'], ['link', '</x>']));
      flood(() => many(early, 20));
    },
  },
  'two different Content-Length fields': {
    onRequest: ({ socket }, stream) => {
      const lengths = fields(['content-length', '33'], ['content-length', '34']);
      socket.write(frame(FRAME.headers, FLAG.endHeaders, stream, Buffer.concat([OK, lengths])));
      socket.write(frame(FRAME.data, FLAG.endStream, stream, new Uint8Array(33)));
    },
  },
  'a body sent one octet at a time': {
    onRequest: ({ socket, every }, stream) => {
      socket.write(frame(FRAME.headers, FLAG.endHeaders, stream, OK));
      every(50, () => socket.write(frame(FRAME.data, 0, stream, Uint8Array.of(0))));
    },
  },
  'an endless body': {
    onRequest: ({ socket, flood }, stream) => {
      socket.write(frame(FRAME.headers, FLAG.endHeaders, stream, OK));
      flood(() => frame(FRAME.data, 0, stream, new Uint8Array(1000)));
    },
  },
  'a thousand HEADERS frames as trailers': {
    onRequest: ({ socket }, stream) => {
      const trailers = frame(FRAME.headers, FLAG.endHeaders, stream, fields(['x', 'y']));
      socket.write(Buffer.concat([frame(FRAME.headers, FLAG.endHeaders, stream, OK), many(trailers, 1000)]));
    },
  },
};
