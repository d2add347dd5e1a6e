import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2';
import { Agent, get } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { frame } from '../../../src/message/wire/framing.ts';
import type { Protocol } from './encrypted-servers.ts';
import { dohQuery, pathOfGet } from './h2load.ts';

const TIMEOUT_MS = 10_000;

/** Where to ask, and for which name. */
export interface Question {
  readonly port: number;
  readonly path: string;
  readonly name: string;
  /** PEM file of the authority that signed the server's certificate. */
  readonly authorityPath: string;
}

/** An answer over an encrypted connection. */
export interface Answer {
  /** Empty over DoT. */
  readonly headers: Readonly<Record<string, string>>;
  readonly bodyBytes: number;
}

/** A connection that has carried one query. Dispose closes it. */
export interface UsedConnection extends AsyncDisposable {
  readonly answer: Answer;
}

/** Opens a connection with a full TLS handshake, asks once, and leaves it open. Rejects if that takes too long. */
export const CONNECT: Readonly<Record<Protocol, (question: Question) => Promise<UsedConnection>>> = {
  'HTTP/2': async ({ port, path, name, authorityPath }) => {
    const session: ClientHttp2Session = connectHttp2(`https://127.0.0.1:${port}`, {
      ca: await readFile(authorityPath),
    });
    session.on('error', () => {});
    const stream = session.request({ ':path': pathOfGet(path, name) });
    const [headers] = (await once(stream, 'response', inTime())) as [Record<string, string>];
    const { length: bodyBytes } = await buffer(stream);
    return {
      answer: { headers: withoutPseudo(headers), bodyBytes },
      [Symbol.asyncDispose]: async () => session.destroy(undefined, constants.NGHTTP2_NO_ERROR),
    };
  },
  'HTTP/1.1': async ({ port, path, name, authorityPath }) => {
    const agent = new Agent({ ca: await readFile(authorityPath), keepAlive: true, maxCachedSessions: 0 });
    const request = get({ port, host: '127.0.0.1', path: pathOfGet(path, name), agent });
    const [response] = (await once(request, 'response', inTime())) as [IncomingMessage];
    const { length: bodyBytes } = await buffer(response);
    return {
      answer: { headers: response.headers as Record<string, string>, bodyBytes },
      [Symbol.asyncDispose]: async () => agent.destroy(),
    };
  },
  DoT: async ({ port, name, authorityPath }) => {
    const socket = connectTls({ port, host: '127.0.0.1', ca: await readFile(authorityPath) });
    socket.on('error', () => {});
    socket.write(frame(dohQuery(name)));
    const [chunk] = (await once(socket, 'data', inTime())) as [Buffer];
    return {
      answer: { headers: {}, bodyBytes: chunk.readUInt16BE(0) },
      [Symbol.asyncDispose]: async () => void socket.destroy(),
    };
  },
};

function inTime(): { readonly signal: AbortSignal } {
  return { signal: AbortSignal.timeout(TIMEOUT_MS) };
}

function withoutPseudo(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(':')));
}
