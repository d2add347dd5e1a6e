import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { formatHostPort } from '../lib/host-port.ts';
import { toListenError } from '../lib/listen-error.ts';
import { MAX_MESSAGE_BYTES } from '../message/header.ts';
import type { Listener, ListenerComponents, ListenerInit } from './listener.ts';
import { TcpConnection } from './tcp-connection.ts';

/** Queries over TCP on one address. */
export class TcpListener implements Listener {
  readonly #components: ListenerComponents;
  readonly #server: Server;
  readonly #connections = new Set<TcpConnection>();
  readonly #replySpace = new Uint8Array(MAX_MESSAGE_BYTES);

  private constructor(components: ListenerComponents, server: Server) {
    this.#components = components;
    this.#server = server;
    server.maxConnections = components.limits.tcpConnections;
    server.on('connection', (socket: Socket) => this.#onConnection(socket));
    server.on('drop', () => components.metrics.dropped('tcp_connections'));
    // The kernel could not hand over one connection (no memory, no descriptor). The next has nothing to do with it.
    server.on('error', () => components.metrics.dropped('tcp_connections'));
  }

  /** @throws Dns4torError ERR_LISTEN_IN_USE, ERR_LISTEN_DENIED, ERR_LISTEN_ADDRESS, ERR_LISTEN */
  static async open(components: ListenerComponents, { address, port }: ListenerInit): Promise<TcpListener> {
    const server = createServer({ allowHalfOpen: true });
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
   * Takes over a socket that listens already.
   * @param fd is closed with the listener. Where it is a UDP socket, it stays as it was
   * @returns undefined where it is no such socket
   */
  static async adopt(components: ListenerComponents, fd: number): Promise<TcpListener | undefined> {
    const server = createServer({ allowHalfOpen: true });
    try {
      const listening = once(server, 'listening');
      server.listen({ fd });
      await listening;
    } catch {
      return undefined;
    }
    // Node takes unix sockets as well, of which it gives no address.
    if (server.address() !== null) return new TcpListener(components, server);
    server.close();
    return undefined;
  }

  #onConnection(socket: Socket): void {
    const { metrics, isAllowed, limits } = this.#components;
    const client = socket.remoteAddress;
    // It has gone already.
    if (client === undefined) return void socket.destroy();
    if (!isAllowed(client)) {
      metrics.dropped('not_allowed');
      return void socket.destroy();
    }
    let ofClient = 0;
    for (const connection of this.#connections) if (connection.client === client) ofClient++;
    if (ofClient >= limits.tcpConnectionsPerClient) {
      metrics.dropped('tcp_connections_client');
      return void socket.destroy();
    }
    const connection = new TcpConnection(this.#components, socket, client, this.#replySpace);
    this.#connections.add(connection);
    metrics.tcpOpened();
    socket.once('close', () => {
      this.#connections.delete(connection);
      metrics.tcpClosed();
    });
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
    const connections = [...this.#connections];
    for (const connection of connections) connection.end();
    await Promise.all(connections.map((connection) => connection.idle()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    if (this.#server.listening) await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
