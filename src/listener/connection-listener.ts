import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { toListenError } from '../failures/errors.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { clientGroup } from '../model/client-group.ts';
import type { Listener, ListenerComponents, ListenerInit } from './listener.ts';
import { type AdmittedConnection, type PendingConnection, TcpAdmission } from './tcp/tcp-admission.ts';

/**
 * Nothing is read before a connection has a slot. A client may close its side once it has sent all its queries (RFC
 * 7766 §6.2.4).
 */
const SERVER_OPTIONS = { allowHalfOpen: true, pauseOnConnect: true } as const;

/** Creates the server of a {@link ConnectionListener}. It reads nothing from its connections. */
export function createPausingServer(): Server {
  return createServer(SERVER_OPTIONS);
}

/** A connection with a slot. */
export interface ServedConnection extends AdmittedConnection {
  /** Resolves when no query is in flight and, if the connection is closing, its last replies are sent. */
  idle(): Promise<void>;
}

/** What a connection with a slot is told, and what it reports. */
export interface Slot<T> {
  /** The client's address. */
  readonly client: string;
  /** The address of this machine that the client has connected to. Undefined if the client has already disconnected. */
  readonly server: string | undefined;
  /** How long the connection may be idle now. */
  readonly idleMs: () => number;
  /** Called when a complete message has arrived, and when the last answer in flight has been sent. */
  readonly onUsed: (connection: T) => void;
}

/** Accepts the connections of one listening socket, as the access list and the limits allow, and serves them. */
export abstract class ConnectionListener<T extends ServedConnection> implements Listener {
  protected readonly components: ListenerComponents;
  readonly #server: Server;
  readonly #admission: TcpAdmission<T>;

  /** @param server listening; owned from here on */
  protected constructor(components: ListenerComponents, server: Server) {
    this.components = components;
    this.#server = server;
    const { tcpConnections, tcpConnectionsPerClient, tcpIdleMs } = components.limits;
    this.#admission = new TcpAdmission(
      components.clock,
      { connections: tcpConnections, connectionsPerClient: tcpConnectionsPerClient, idleMs: tcpIdleMs },
      () => components.metrics.dropped('tcp_gave_way'),
    );
    server.on('connection', (socket: Socket) => this.#onConnection(socket));
    // accept(2) failed for one connection, for example for lack of file descriptors. The next one is unaffected.
    server.on('error', () => components.metrics.dropped('tcp_connections'));
  }

  /**
   * Serves a connection that has a slot.
   * @param socket nothing has been read from it yet; it has a handler for errors
   */
  protected abstract serve(socket: Socket, slot: Slot<T>): T;

  /** The client's address. Undefined if the client has already disconnected. */
  protected clientOf(socket: Socket): string | undefined {
    return socket.remoteAddress;
  }

  #onConnection(socket: Socket): void {
    const { metrics, isAllowed, groupOf = clientGroup } = this.components;
    const client = this.clientOf(socket);
    // The client has already disconnected.
    if (client === undefined) return void socket.destroy();
    if (!isAllowed(client)) {
      metrics.dropped('not_allowed');
      return void socket.destroy();
    }
    // Without this handler, an error of a pending connection would end the process.
    socket.on('error', () => socket.destroy());
    const pending: PendingConnection<T> = {
      group: groupOf(client),
      admit: () => this.#admit(socket, client),
      refuse(bound) {
        metrics.dropped(bound === 'all' ? 'tcp_connections' : 'tcp_connections_client');
        socket.destroy();
      },
    };
    this.#admission.add(pending);
  }

  #admit(socket: Socket, client: string): T {
    const { metrics } = this.components;
    const admission = this.#admission;
    const connection = this.serve(socket, {
      client,
      server: socket.localAddress,
      idleMs: () => admission.idleMs,
      onUsed: (used) => admission.used(used),
    });
    metrics.tcpOpened();
    socket.once('close', () => {
      admission.remove(connection);
      metrics.tcpClosed();
    });
    return connection;
  }

  /** An IP address. Only for a TCP socket. */
  get address(): string {
    return (this.#server.address() as AddressInfo).address;
  }

  /** Only for a TCP socket. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async drain(): Promise<void> {
    this.#server.close();
    this.#admission.close();
    const connections = this.#admission.admitted;
    for (const connection of connections) connection.end();
    await Promise.all(connections.map((connection) => connection.idle()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#admission.close();
    for (const connection of this.#admission.admitted) connection.evict();
    if (this.#server.listening) await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

/**
 * Listens on an address.
 * @param transport for errors: `TCP`, `DoT`
 * @throws Dns4torError ERR_LISTEN_IN_USE, ERR_LISTEN_DENIED, ERR_LISTEN_ADDRESS, ERR_LISTEN
 */
export async function listenOn({ address, port }: ListenerInit, transport: string): Promise<Server> {
  const server = createPausingServer();
  try {
    const listening = once(server, 'listening');
    server.listen({ host: address, port, ipv6Only: true });
    await listening;
    return server;
  } catch (error) {
    throw toListenError(error, `${transport} ${formatHostPort(address, port)}`);
  }
}

/**
 * Takes over a listening socket.
 * @param fd closed with the server
 * @param kind what the socket must be
 * @returns undefined if `fd` is not such a socket. A UDP socket is left untouched.
 */
export async function adoptListening(fd: number, kind: 'tcp' | 'unix' = 'tcp'): Promise<Server | undefined> {
  const server = createPausingServer();
  try {
    const listening = once(server, 'listening');
    server.listen({ fd });
    await listening;
  } catch {
    return undefined;
  }
  // Node has no address for a unix socket that it did not create.
  if ((server.address() === null) === (kind === 'unix')) return server;
  server.close();
  return undefined;
}
