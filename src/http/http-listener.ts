import { once } from 'node:events';
import { isIP, type Server } from 'node:net';
import { Dns4torError, toListenError } from '../failures/errors.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { USUAL_METRICS_PORT } from '../model/usual-ports.ts';
import { BACKLOG, listenOnSocketPath, OWNER_AND_GROUP_UMASK } from './socket-path.ts';

/** Where the metrics server listens. */
export type MetricsEndpoint =
  /**
   * `host` is an IP literal or `localhost`, which means 127.0.0.1. Port 0 picks a free port; no port means the usual
   * one or, if that is taken, a free one.
   */
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number | undefined }
  /** `path` is absolute. The socket is removed when the server closes. */
  | { readonly kind: 'unix'; readonly path: string }
  /** `fd` is a listening TCP or unix socket, as systemd passes them. It is closed with the server. */
  | { readonly kind: 'handed-over'; readonly fd: number };

interface Bound {
  /** host:port or unix:/path, for messages. */
  readonly address: string;
  /** The bound IP literal; undefined for a unix socket. */
  readonly host: string | undefined;
  /** Whether another program had the usual port. */
  readonly isElsewhere?: boolean;
}

/**
 * Binds the server and starts to listen.
 * @throws Dns4torError ERR_LISTEN_IN_USE, ERR_LISTEN_DENIED, ERR_LISTEN_ADDRESS, ERR_LISTEN_FD, ERR_LISTEN_PATH or
 * ERR_LISTEN
 */
export function listenAt(server: Server, endpoint: MetricsEndpoint): Promise<Bound> {
  if (endpoint.kind === 'tcp') {
    const { host, port } = endpoint;
    return port === undefined ? listenOnUsualPort(server, host) : listenOnTcp(server, host, port);
  }
  return endpoint.kind === 'unix' ? listenOnPath(server, endpoint.path) : adoptSocket(server, endpoint.fd);
}

async function listenOnUsualPort(server: Server, host: string): Promise<Bound> {
  try {
    return await listenOnTcp(server, host, USUAL_METRICS_PORT);
  } catch (error) {
    if (!(error instanceof Dns4torError) || error.code !== 'ERR_LISTEN_IN_USE') throw error;
    return { ...(await listenOnTcp(server, host, 0)), isElsewhere: true };
  }
}

async function listenOnTcp(server: Server, host: string, port: number): Promise<Bound> {
  const literal = host === 'localhost' ? '127.0.0.1' : host;
  const address = formatHostPort(literal, port);
  // listen() would resolve a name through the system resolver. That may be dns4tor itself, which does not answer yet,
  // or a resolver outside Tor.
  if (isIP(literal) === 0) throw new Dns4torError('ERR_LISTEN_ADDRESS', address);
  try {
    await untilListening(server, () => server.listen({ host: literal, port, backlog: BACKLOG }));
  } catch (error) {
    throw toListenError(error, address);
  }
  return boundAddress(server) ?? { address, host: literal };
}

async function listenOnPath(server: Server, path: string): Promise<Bound> {
  await listenOnSocketPath(server, { path, umask: OWNER_AND_GROUP_UMASK, code: 'ERR_LISTEN_PATH' });
  return { address: `unix:${path}`, host: undefined };
}

async function adoptSocket(server: Server, fd: number): Promise<Bound> {
  try {
    await untilListening(server, () => server.listen({ fd, backlog: BACKLOG }));
  } catch (error) {
    throw new Dns4torError('ERR_LISTEN_FD', `descriptor ${fd} (metrics) is not a listening TCP or unix socket`, error);
  }
  // Node does not know the path of a unix socket that it did not create.
  return boundAddress(server) ?? { address: `unix:fd=${fd}`, host: undefined };
}

async function untilListening(server: Server, listen: () => void): Promise<void> {
  const listening = once(server, 'listening');
  listen();
  await listening;
}

function boundAddress(server: Server): Bound | undefined {
  const bound = server.address();
  if (typeof bound !== 'object' || bound === null) return undefined;
  return { address: formatHostPort(bound.address, bound.port), host: bound.address };
}
