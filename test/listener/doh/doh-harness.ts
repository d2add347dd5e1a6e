import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2';
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { DohConnection, DohConnectionInit } from '../../../src/listener/doh/doh-connection.ts';
import { Http1Connection } from '../../../src/listener/doh/http1-connection.ts';
import { Http1Parser } from '../../../src/listener/doh/http1-parser.ts';
import { Http2Connection } from '../../../src/listener/doh/http2-connection.ts';
import { PlainConnection } from '../../../src/listener/doh/plain-connection.ts';
import type { TcpLimits } from '../../../src/listener/listener.ts';
import { MAX_MESSAGE_BYTES } from '../../../src/message/wire/header.ts';
import type { Handler } from '../../../src/model/query.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { LIMITS, PATIENCE_MS, type Parts, parts } from '../harness.ts';

/** The versions of HTTP that are served. */
export const VERSIONS = ['HTTP/1.1', 'HTTP/2'] as const;
export type Version = (typeof VERSIONS)[number];

export const PATH = '/dns-query';
export const DNS_MESSAGE = 'application/dns-message';

/** A server of DoH without TLS on a loopback port. */
export interface DohServer extends AsyncDisposable {
  readonly port: number;
  readonly parts: Parts;
  /** In the order of their first octets. */
  readonly connections: readonly DohConnection[];
  /** The server's ends of the connections. */
  readonly sockets: readonly Socket[];
  /** How often a connection reported that it was used. */
  readonly uses: () => number;
}

export async function serveDoh(handler: Handler, limits: Partial<TcpLimits> = {}): Promise<DohServer> {
  const components = { ...parts(handler), limits: { ...LIMITS, ...limits } };
  const parser = new Http1Parser();
  const replySpace = new Uint8Array(MAX_MESSAGE_BYTES);
  const accepted: PlainConnection[] = [];
  const connections: DohConnection[] = [];
  const sockets: Socket[] = [];
  let uses = 0;
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    const init: DohConnectionInit = {
      path: PATH,
      replySpace,
      client: '127.0.0.1',
      server: '127.0.0.1',
      idleMs: () => components.limits.tcpIdleMs,
      onUsed: () => uses++,
    };
    sockets.push(socket);
    const begun = new PlainConnection(components, socket, (_, isHttp2) => {
      const connection = isHttp2
        ? new Http2Connection(components, socket, init)
        : new Http1Connection(components, socket, { ...init, parser });
      connections.push(connection);
      return connection;
    });
    accepted.push(begun);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    parts: components,
    connections,
    sockets,
    uses: () => uses,
    async [Symbol.asyncDispose]() {
      for (const each of accepted) each.evict();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export interface Response {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface RequestSpec {
  /** @default GET, or POST with a body */
  readonly method?: string;
  /** @default PATH */
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Sends no more than this body, although more is to come. @default false */
  readonly isUnfinished?: boolean;
}

/** A client of one connection. */
export interface DohClient extends AsyncDisposable {
  request(spec: RequestSpec): Promise<Response>;
  /** Sends a request, and from then on reads no response. */
  send(spec: RequestSpec): void;
  /** Whether the server has closed the connection, or is about to. */
  readonly isClosed: boolean;
  readonly socket: Socket;
}

export function get(query: Uint8Array, more = ''): RequestSpec {
  return { path: `${PATH}?dns=${Buffer.from(query).toString('base64url')}${more}` };
}

export function post(body: Uint8Array, headers: Readonly<Record<string, string>> = {}): RequestSpec {
  return { method: 'POST', headers: { 'content-type': DNS_MESSAGE, ...headers }, body };
}

export function connectDoh(version: Version, port: number): Promise<DohClient> {
  return version === 'HTTP/2' ? Http2Client.connect(port) : Http1Client.connect(port);
}

/** Node's own client. */
export class Http2Client implements DohClient {
  readonly session: ClientHttp2Session;
  readonly socket: Socket;
  isClosed = false;

  private constructor(session: ClientHttp2Session, socket: Socket) {
    this.session = session;
    this.socket = socket;
    session.on('goaway', () => (this.isClosed = true));
    session.on('close', () => (this.isClosed = true));
    session.on('error', () => {});
    socket.on('error', () => {});
  }

  static async connect(port: number): Promise<Http2Client> {
    const socket = connectSocket(port, '127.0.0.1');
    const session = connect('http://doh.example', {
      createConnection: () => socket,
      // The server may send this much of each response before the client reads it.
      settings: { initialWindowSize: 16_384 },
    });
    await once(session, 'remoteSettings');
    return new Http2Client(session, socket);
  }

  send({ method, path = PATH, headers = {}, body, isUnfinished = false }: RequestSpec): ClientHttp2Stream {
    const stream = this.session.request(
      { ':method': method ?? (body ? 'POST' : 'GET'), ':path': path, ...headers },
      { endStream: body === undefined },
    );
    stream.on('error', () => {});
    if (isUnfinished) stream.write(body);
    else if (body !== undefined) stream.end(body);
    return stream;
  }

  async request(spec: RequestSpec): Promise<Response> {
    const stream = this.send(spec);
    const [received] = (await once(stream, 'response')) as [OutgoingHttpHeaders];
    const { ':status': status, ...fields } = received;
    return {
      status: Number(status),
      headers: Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value)])),
      body: await buffer(stream),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.session.destroy();
    if (!this.socket.closed) await closeOf(this.socket);
  }
}

/** Resolves when a stream has closed, also by an error. */
export function closeOf(stream: Duplex): Promise<void> {
  return new Promise((resolve) => stream.once('close', resolve));
}

/** A client that is independent of Node's parser. Requests are sent at once, and so pipelined. */
export class Http1Client implements DohClient {
  readonly socket: Socket;
  isClosed = false;
  #input: Buffer = Buffer.alloc(0);
  #answered: Promise<unknown> = Promise.resolve();

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => (this.#input = Buffer.concat([this.#input, chunk])));
    socket.on('end', () => (this.isClosed = true));
    socket.on('close', () => (this.isClosed = true));
    socket.on('error', () => {});
  }

  static async connect(port: number): Promise<Http1Client> {
    const socket = connectSocket({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    socket.setNoDelay(true);
    return new Http1Client(socket);
  }

  /** Number of octets received that no response has taken. */
  get unread(): number {
    return this.#input.length;
  }

  /** An octet of them. */
  peek(offset: number): number | undefined {
    return this.#input[offset];
  }

  request(spec: RequestSpec): Promise<Response> {
    this.#write(spec);
    return this.response(spec.method === 'HEAD');
  }

  send(spec: RequestSpec): void {
    this.socket.pause();
    this.#write(spec);
  }

  #write({ method, path = PATH, headers = {}, body }: RequestSpec): void {
    const used = method ?? (body ? 'POST' : 'GET');
    const isChunked = headers['transfer-encoding'] !== undefined;
    const length = body === undefined || isChunked ? {} : { 'content-length': String(body.length) };
    const fields = Object.entries({ host: 'doh.example', ...length, ...headers });
    const lines = [`${used} ${path} HTTP/1.1`, ...fields.map(([name, value]) => `${name}: ${value}`)];
    const content = Buffer.from(body ?? []);
    const chunks = [Buffer.from(`${content.length.toString(16)}\r\n`), content, Buffer.from('\r\n0\r\n\r\n')];
    this.socket.write(
      Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), ...(isChunked ? chunks : [content])]),
    );
  }

  /** Resolves with the next response that no earlier call waits for. */
  response(isHead = false): Promise<Response> {
    const response = this.#answered.then(() => this.#read(isHead));
    this.#answered = response.catch(() => {});
    return response;
  }

  async #read(isHead: boolean): Promise<Response> {
    const end = (): number => this.#input.indexOf('\r\n\r\n');
    await waitUntil('a header arrives', PATIENCE_MS, () => end() !== -1 || this.isClosed);
    const [statusLine = '', ...lines] = this.#input.subarray(0, end()).toString('latin1').split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line): [string, string] => {
        const [name = '', value = ''] = line.split(': ');
        return [name.toLowerCase(), value];
      }),
    );
    const bodyStart = end() + 4;
    const bodyEnd = bodyStart + (isHead ? 0 : Number(headers['content-length']));
    await waitUntil('the body arrives', PATIENCE_MS, () => this.#input.length >= bodyEnd || this.isClosed);
    const body = this.#input.subarray(bodyStart, bodyEnd);
    this.#input = this.#input.subarray(bodyEnd);
    return { status: Number(statusLine.split(' ')[1]), headers, body };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.closed) return;
    this.socket.destroy();
    await once(this.socket, 'close');
  }
}
