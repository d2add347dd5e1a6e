import { once } from 'node:events';
import { isIP, type Server } from 'node:net';
import process from 'node:process';
import { Dns4torError } from '../lib/errors.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { toListenError } from '../lib/listen-error.ts';
import { claimSocketPath } from './socket-path.ts';

/** Where a server listens. */
export type MetricsPlace =
  /** `host` is an IP literal or `localhost`, which is 127.0.0.1; port 0 takes a free one. */
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** Absolute; removed when the server closes. */
  | { readonly kind: 'unix'; readonly path: string }
  /** A TCP or unix socket that listens already, as a descriptor. Closed with the server. */
  | { readonly kind: 'handed-over'; readonly fd: number };

export interface Bound {
  /** host:port or unix:/path, for people. */
  readonly address: string;
  /** The IP literal that it is bound to; undefined for a unix socket. */
  readonly host: string | undefined;
}

/**
 * Connections that wait to be accepted. Beyond, Linux drops the first packet of a connection, and the client sends it again only after a
 * second; with more, who comes behind a flood would wait as long for all of them to be accepted.
 */
const BACKLOG = 1024;

/** Read and write for the user and the group of the process: whoever may connect needs the right to write. */
const SOCKET_UMASK = 0o117;

/**
 * Has the server listen.
 * @throws Dns4torError ERR_LISTEN_IN_USE, ERR_LISTEN_DENIED, ERR_LISTEN_ADDRESS, ERR_LISTEN_FD, ERR_LISTEN_PATH or ERR_LISTEN
 */
export function listenAt(server: Server, place: MetricsPlace): Promise<Bound> {
  if (place.kind === 'tcp') return listenOnTcp(server, place.host, place.port);
  return place.kind === 'unix' ? listenOnPath(server, place.path) : adopt(server, place.fd);
}

async function listenOnTcp(server: Server, host: string, port: number): Promise<Bound> {
  const literal = host === 'localhost' ? '127.0.0.1' : host;
  const address = formatHostPort(literal, port);
  // listen() would ask the system's resolver for a name: possibly ourselves, before we answer, and possibly not over Tor.
  if (isIP(literal) === 0) throw new Dns4torError('ERR_LISTEN_ADDRESS', address);
  try {
    await started(server, () => server.listen({ host: literal, port, backlog: BACKLOG }));
  } catch (error) {
    throw toListenError(error, address);
  }
  return boundTo(server) ?? { address, host: literal };
}

async function listenOnPath(server: Server, path: string): Promise<Bound> {
  const address = `unix:${path}`;
  await claimSocketPath(path);
  try {
    await started(server, () => {
      // The socket is made within the call, so that there is no moment at which others could open it.
      const umask = process.umask(SOCKET_UMASK);
      try {
        server.listen({ path, backlog: BACKLOG });
      } finally {
        process.umask(umask);
      }
    });
  } catch (error) {
    throw new Dns4torError('ERR_LISTEN_PATH', address, error);
  }
  return { address, host: undefined };
}

async function adopt(server: Server, fd: number): Promise<Bound> {
  try {
    await started(server, () => server.listen({ fd, backlog: BACKLOG }));
  } catch (error) {
    throw new Dns4torError(
      'ERR_LISTEN_FD',
      `descriptor ${fd}, for metrics, is no TCP or unix socket that listens`,
      error,
    );
  }
  // Of a unix socket that it did not make itself, Node does not know the path.
  return boundTo(server) ?? { address: `unix:fd=${fd}`, host: undefined };
}

async function started(server: Server, listen: () => void): Promise<void> {
  const listening = once(server, 'listening');
  listen();
  await listening;
}

function boundTo(server: Server): Bound | undefined {
  const bound = server.address();
  if (typeof bound !== 'object' || bound === null) return undefined;
  return { address: formatHostPort(bound.address, bound.port), host: bound.address };
}
