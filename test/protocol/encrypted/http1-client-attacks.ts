import { buildQuery } from '../../fixtures/dns/messages.ts';
import { dohTarget } from './honest-clients.ts';
import type { HostileHttp1Client } from './hostile-http1-client.ts';
import { LARGE_NAME } from './large-answer.ts';

/** What a client does to a server of DoH over HTTP/1.1, on one or several connections. */
export interface Http1Attack {
  /** @default 1 */
  readonly connections?: number;
  /** Whether anything is read. @default true */
  readonly reads?: boolean;
  readonly run: (client: HostileHttp1Client) => void;
  /** Slow rather than loud: the attack goes on beside the others until the server closes its connections. */
  readonly isSlow?: boolean;
}

const QUERY = Buffer.from(buildQuery({ id: 0, name: 'cached.dns4tor-lab.net' }));
const LARGE_TARGET = dohTarget(buildQuery({ id: 0, name: LARGE_NAME }));
const GET = `GET ${dohTarget(QUERY)} HTTP/1.1\r\nHost: localhost\r\n`;
const POST = 'POST /dns-query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/dns-message\r\n';

const CONNECTIONS = 20;
const SLOW_EVERY_MS = 100;
const PIPELINED = 5000;

/** Writes a beginning, and then the same octets again and again. */
const floodOf =
  (beginning: string, more: string): Http1Attack['run'] =>
  ({ socket, flood }) => {
    socket.write(beginning);
    const chunk = Buffer.from(more, 'latin1');
    flood(() => chunk);
  };

/** Writes a beginning, and then a few octets at a time. */
const trickle = (beginning: string, more: string): Http1Attack => ({
  connections: CONNECTIONS,
  run({ socket, every }) {
    socket.write(beginning);
    every(SLOW_EVERY_MS, () => socket.write(more));
  },
  isSlow: true,
});

/** Attacks of an HTTP/1.1 client on its server, by name. */
export const HTTP1_ATTACKS: Readonly<Record<string, Http1Attack>> = {
  'nothing after the handshake': { connections: CONNECTIONS, run: () => {}, isSlow: true },
  'the beginning of a request': { connections: CONNECTIONS, run: ({ socket }) => socket.write(GET), isSlow: true },
  'header fields, one at a time (slowloris)': trickle(GET, 'X: y\r\n'),
  'a body of one octet at a time': trickle(`${POST}Content-Length: 1000\r\n\r\n`, '\0'),
  'chunks of one octet at a time': trickle(`${POST}Transfer-Encoding: chunked\r\n\r\n`, '1\r\n\0\r\n'),
  'empty lines, one at a time': trickle('\r\n', '\r\n'),
  'thousands of pipelined requests whose answers are not read': {
    reads: false,
    connections: 5,
    run: ({ socket }) => void socket.write(`${GET}\r\n`.repeat(PIPELINED)),
    isSlow: true,
  },
  'large answers that are not read': {
    reads: false,
    connections: 30,
    run: ({ socket }) => void socket.write(`GET ${LARGE_TARGET} HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(1000)),
    isSlow: true,
  },
  'an endless flood of pipelined requests whose answers are not read': {
    reads: false,
    connections: 5,
    run: floodOf('', `${GET}\r\n`.repeat(100)),
    isSlow: true,
  },
  'endless header fields': { run: floodOf(GET, 'X: y\r\n'.repeat(1000)) },
  'an endless header field': { run: floodOf(`${GET}X: `, 'y'.repeat(10_000)) },
  'endless folded lines': { run: floodOf(`${GET}X: y\r\n`, ' y\r\n'.repeat(1000)) },
  'an endless request target': { run: floodOf('GET /dns-query?dns=', 'A'.repeat(10_000)) },
  'an endless method': { run: floodOf('', 'G'.repeat(10_000)) },
  'endless empty lines': { run: floodOf('', '\r\n'.repeat(5000)) },
  'an endless body': { run: floodOf(`${POST}Content-Length: 100000000000\r\n\r\n`, '\0'.repeat(10_000)) },
  'endless chunks': {
    run: floodOf(`${POST}Transfer-Encoding: chunked\r\n\r\n`, `400\r\n${'\0'.repeat(1024)}\r\n`.repeat(10)),
  },
  'chunk extensions without end (CVE-2024-22019)': {
    run: floodOf(`${POST}Transfer-Encoding: chunked\r\n\r\n1;`, 'a=b;'.repeat(2500)),
  },
  'endless chunks of one octet with an extension each': {
    run: floodOf(`${POST}Transfer-Encoding: chunked\r\n\r\n`, `1;${'a'.repeat(1000)}\r\n\0\r\n`.repeat(10)),
  },
  'endless trailer fields': {
    run: floodOf(`${POST}Transfer-Encoding: chunked\r\n\r\n0\r\n`, 'X: y\r\n'.repeat(1000)),
  },
  'an upgrade to HTTP/2 and a flood after it': {
    run: floodOf(
      `${GET}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n`,
      '\0'.repeat(10_000),
    ),
  },
  'an upgrade to WebSocket and a flood after it': {
    run: floodOf(
      `${GET}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
      '\0'.repeat(10_000),
    ),
  },
  'a tunnel and a flood through it': {
    run: floodOf('CONNECT localhost:53 HTTP/1.1\r\nHost: localhost:53\r\n\r\n', '\0'.repeat(10_000)),
  },
};
