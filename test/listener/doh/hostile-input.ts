import fc from 'fast-check';
import { FLAG, FRAME, fields, frame, SETTING, settings, u32 } from '../../fixtures/dns/http2-frames.ts';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { mutateBy, mutations } from '../../message/message-mutations.ts';
import { DNS_MESSAGE, PATH } from './doh-harness.ts';

/*
 * What a client of DoH may send by mistake or on purpose: sequences of valid frames or requests, in any order and with
 * changed octets.
 */

const QUERY = Buffer.from(buildQuery({ id: 0 }));
const TARGET = `${PATH}?dns=${QUERY.toString('base64url')}`;
const PREFACE = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), settings()]);

const GET = fields([':method', 'GET'], [':scheme', 'https'], [':authority', 'localhost'], [':path', TARGET]);
const POST = fields(
  [':method', 'POST'],
  [':scheme', 'https'],
  [':authority', 'localhost'],
  [':path', PATH],
  ['content-type', DNS_MESSAGE],
);
const TRAILERS = fields(['x', 'y']);
const END = FLAG.endHeaders | FLAG.endStream;

/** Frames on a stream. */
const FRAMES: readonly ((stream: number) => Buffer)[] = [
  (stream) => frame(FRAME.headers, END, stream, GET),
  (stream) => frame(FRAME.headers, FLAG.endHeaders, stream, POST),
  (stream) => frame(FRAME.headers, END | FLAG.priority, stream, Buffer.concat([u32(0), Buffer.of(16), GET])),
  (stream) => frame(FRAME.headers, END | FLAG.padded, stream, Buffer.concat([Buffer.of(3), GET, Buffer.alloc(3)])),
  (stream) => frame(FRAME.headers, FLAG.endStream, stream, GET),
  (stream) => frame(FRAME.continuation, FLAG.endHeaders, stream, TRAILERS),
  (stream) => frame(FRAME.headers, END, stream, TRAILERS),
  (stream) => frame(FRAME.data, FLAG.endStream, stream, QUERY),
  (stream) => frame(FRAME.data, 0, stream, QUERY.subarray(0, 5)),
  (stream) => frame(FRAME.data, FLAG.endStream, stream),
  (stream) => frame(FRAME.rstStream, 0, stream, u32(8)),
  (stream) => frame(FRAME.windowUpdate, 0, stream, u32(1)),
  (stream) => frame(FRAME.priority, 0, stream, Buffer.concat([u32(0), Buffer.of(1)])),
  () => frame(FRAME.ping, 0, 0, Buffer.alloc(8)),
  () => settings([SETTING.initialWindowSize, 0]),
  () => settings([SETTING.headerTableSize, 0], [SETTING.initialWindowSize, 65_535]),
  () => frame(FRAME.settings, FLAG.ack, 0),
  () => frame(FRAME.windowUpdate, 0, 0, u32(1000)),
  () => frame(FRAME.goaway, 0, 0, u32(0, 0)),
  () => frame(0x42, 0, 0, Buffer.from('unknown')),
];

const HOST = 'Host: localhost\r\n';
const TYPE = `Content-Type: ${DNS_MESSAGE}\r\n`;
const BODY = QUERY.toString('latin1');
const CHUNKS = `${QUERY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`;

/** HTTP/1 requests. */
const REQUESTS: readonly string[] = [
  `GET ${TARGET} HTTP/1.1\r\n${HOST}\r\n`,
  `HEAD ${TARGET} HTTP/1.1\r\n${HOST}\r\n`,
  `GET ${TARGET} HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`,
  `GET ${TARGET} HTTP/1.0\r\n\r\n`,
  `GET https://localhost${TARGET} HTTP/1.1\r\n${HOST}Accept: ${DNS_MESSAGE}\r\n\r\n`,
  `POST ${PATH} HTTP/1.1\r\n${HOST}${TYPE}Content-Length: ${QUERY.length}\r\n\r\n${BODY}`,
  `POST ${PATH} HTTP/1.1\r\n${HOST}${TYPE}Transfer-Encoding: chunked\r\n\r\n${CHUNKS}`,
  `POST ${PATH} HTTP/1.1\r\n${HOST}${TYPE}Expect: 100-continue\r\nContent-Length: ${QUERY.length}\r\n\r\n${BODY}`,
  `POST /other HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nabcde`,
  `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`,
  `CONNECT localhost:53 HTTP/1.1\r\n${HOST}\r\n`,
  `GET ${TARGET} HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
];

const step = fc.record({ kind: fc.nat(FRAMES.length - 1), stream: fc.nat(4), changes: mutations });

/** Mostly requests on new streams, and now and then a frame with other octets. */
export const hostileFrames: fc.Arbitrary<Buffer> = fc.array(step, { minLength: 1, maxLength: 20 }).map((steps) =>
  Buffer.concat([
    PREFACE,
    ...steps.map(({ kind, stream, changes }, index) => {
      const valid = (FRAMES[kind] ?? FRAMES[0])?.(2 * stream + 1) ?? Buffer.alloc(0);
      return index % 4 === 3 ? mutateBy(valid, changes) : valid;
    }),
  ]),
);

export const hostileRequests: fc.Arbitrary<Buffer> = fc
  .array(fc.record({ kind: fc.nat(REQUESTS.length - 1), changes: mutations }), { minLength: 1, maxLength: 6 })
  .map((steps) =>
    Buffer.concat(
      steps.map(({ kind, changes }, index) => {
        const valid = Buffer.from(REQUESTS[kind] ?? '', 'latin1');
        return index % 2 === 1 || steps.length === 1 ? mutateBy(valid, changes) : valid;
      }),
    ),
  );
