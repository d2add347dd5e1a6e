import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { formatHostPort } from '../lib/host-port.ts';
import { toListenError } from '../lib/listen-error.ts';
import type { Listener, ListenerComponents, ListenerInit } from './listener.ts';
import { TcpConnection } from './tcp-connection.ts';

/** Connections in all; RFC 7766 §6.2.2 leaves the number to the server. Each may hold a message of 64 kB that has not ended. */
const MAX_CONNECTIONS = 150;

/** Queries over TCP on one address. */
export class TcpListener implements Listener {
  readonly #server: Server;
  readonly #connections = new Set<TcpConnection>();

  private constructor(components: ListenerComponents, server: Server) {
    this.#server = server;
    server.maxConnections = MAX_CONNECTIONS;
    server.on('connection', (socket: Socket) => {
      const connection = new TcpConnection(components, socket);
      this.#connections.add(connection);
      socket.once('close', () => this.#connections.delete(connection));
    });
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
