import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { toListenError } from '../../failures/errors.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { MAX_MESSAGE_BYTES } from '../../message/wire/header.ts';
import { clientGroup } from '../../model/client-group.ts';
import type { Listener, ListenerComponents, ListenerInit } from '../listener.ts';
import { type PendingConnection, TcpAdmission } from './tcp-admission.ts';
import { TcpConnection } from './tcp-connection.ts';

/**
 * Nothing is read before a connection has a slot. A client may close its side once it has sent all its queries (RFC
 * 7766 §6.2.4).
 */
const SERVER_OPTIONS = { allowHalfOpen: true, pauseOnConnect: true } as const;

/** Answers queries over TCP on one address. */
export class TcpListener implements Listener {
  readonly #components: ListenerComponents;
  readonly #server: Server;
  readonly #admission: TcpAdmission<TcpConnection>;
  readonly #replySpace = new Uint8Array(MAX_MESSAGE_BYTES);

  private constructor(components: ListenerComponents, server: Server) {
    this.#components = components;
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

  /** @throws Dns4torError ERR_LISTEN_IN_USE, ERR_LISTEN_DENIED, ERR_LISTEN_ADDRESS, ERR_LISTEN */
  static async open(components: ListenerComponents, { address, port }: ListenerInit): Promise<TcpListener> {
    const server = createServer(SERVER_OPTIONS);
    try {
      const listening = once(server, 'listening');
      server.listen({ host: address, port, ipv6Only: true });
      await listening;
    } catch (error) {
      throw toListenError(error, `TCP ${formatHostPort(address, port)}`);
    }
    return new TcpListener(components, server);
  }

  /**
   * Takes over a listening TCP socket.
   * @param fd closed with the listener
   * @returns undefined if `fd` is not such a socket. A UDP socket is left untouched.
   */
  static async adopt(components: ListenerComponents, fd: number): Promise<TcpListener | undefined> {
    const server = createServer(SERVER_OPTIONS);
    try {
      const listening = once(server, 'listening');
      server.listen({ fd });
      await listening;
    } catch {
      return undefined;
    }
    // Node also accepts unix sockets here, and has no address for them.
    if (server.address() !== null) return new TcpListener(components, server);
    server.close();
    return undefined;
  }

  #onConnection(socket: Socket): void {
    const { metrics, isAllowed, groupOf = clientGroup } = this.#components;
    const client = socket.remoteAddress;
    // The client has already disconnected.
    if (client === undefined) return void socket.destroy();
    if (!isAllowed(client)) {
      metrics.dropped('not_allowed');
      return void socket.destroy();
    }
    // Without this handler, an error of a pending connection would end the process.
    socket.on('error', () => socket.destroy());
    const pending: PendingConnection<TcpConnection> = {
      group: groupOf(client),
      admit: () => this.#admit(socket, client),
      refuse(bound) {
        metrics.dropped(bound === 'all' ? 'tcp_connections' : 'tcp_connections_client');
        socket.destroy();
      },
    };
    this.#admission.add(pending);
  }

  #admit(socket: Socket, client: string): TcpConnection {
    const { metrics } = this.#components;
    const admission = this.#admission;
    const connection = new TcpConnection(this.#components, socket, {
      client,
      replySpace: this.#replySpace,
      idleMs: () => admission.idleMs,
      onUsed: () => admission.used(connection),
    });
    metrics.tcpOpened();
    socket.once('close', () => {
      admission.remove(connection);
      metrics.tcpClosed();
    });
    return connection;
  }

  /** An IP address. */
  get address(): string {
    return (this.#server.address() as AddressInfo).address;
  }

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
