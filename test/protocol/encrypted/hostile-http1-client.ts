import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:tls';
import { type HostileConnection, hostileConnection } from '../../fixtures/dns/hostile-connection.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';

/** Far longer than the server takes to answer and to close. */
const CLOSED_TIMEOUT_MS = 10_000;

/** A connection of an HTTP/1.1 client that writes any octets. */
export interface HostileHttp1Client extends HostileConnection {
  /** What the server has sent. */
  readonly received: Buffer;
  /** Whether the server has closed its side. */
  readonly ended: boolean;
  /** Resolves with the responses once the server has closed the connection. */
  untilEnded(): Promise<readonly Http1Response[]>;
}

export interface Http1Response {
  readonly status: number;
  /** Names are in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

export async function connectHostileHttp1(port: number, ca: string, reads = true): Promise<HostileHttp1Client> {
  const socket = connect({ host: '127.0.0.1', port, ca, ALPNProtocols: ['http/1.1'] });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  const chunks: Buffer[] = [];
  let ended = false;
  socket.on('end', () => (ended = true));
  socket.on('close', () => (ended = true));
  if (reads) socket.on('data', (chunk) => chunks.push(chunk));
  return {
    ...hostileConnection(socket),
    get received() {
      return Buffer.concat(chunks);
    },
    get ended() {
      return ended;
    },
    async untilEnded() {
      await waitUntil('the server closes the connection', CLOSED_TIMEOUT_MS, () => ended);
      return readResponses(Buffer.concat(chunks));
    },
  };
}

/**
 * Parses responses with a Content-Length (RFC 9112 §6.3), strictly.
 *
 * @throws for anything else, also for the beginning of a response
 */
export function readResponses(bytes: Buffer): Http1Response[] {
  const responses: Http1Response[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const headEnd = rest.indexOf('\r\n\r\n');
    assert.notEqual(headEnd, -1, `not a response: ${rest.toString('latin1')}`);
    const [first = '', ...lines] = rest.toString('latin1', 0, headEnd).split('\r\n');
    const status = Number(/^HTTP\/1\.1 ([1-5]\d\d) [^\r\n]*$/.exec(first)?.[1]);
    assert.ok(status > 0, first);
    const headers = new Map<string, string>();
    for (const line of lines) {
      const [, name = '', value = ''] = /^([!-9;-~]+): ?([ -~]*)$/.exec(line) ?? [];
      assert.ok(name !== '' && !headers.has(name.toLowerCase()), line);
      headers.set(name.toLowerCase(), value);
    }
    const hasBody = status >= 200 && status !== 204 && status !== 304;
    const length = hasBody ? Number(headers.get('content-length') ?? NaN) : 0;
    const bodyStart = headEnd + 4;
    assert.ok(rest.length >= bodyStart + length, `no complete body: ${rest.toString('latin1')}`);
    responses.push({ status, headers, body: rest.subarray(bodyStart, bodyStart + length) });
    rest = rest.subarray(bodyStart + length);
  }
  return responses;
}
