import type { Server, Socket } from 'node:net';
import { MAX_MESSAGE_BYTES } from '../../message/wire/header.ts';
import { adoptListening, ConnectionListener, listenOn, type Slot } from '../connection-listener.ts';
import type { ListenerComponents, ListenerInit } from '../listener.ts';
import { TcpConnection } from '../tcp/tcp-connection.ts';
import type { ServerIdentity } from '../tls/server-identity.ts';
import { TlsConnection } from '../tls/tls-connection.ts';

/** RFC 7858, registered with IANA for ALPN. */
const ALPN = ['dot'];

/** Answers queries over TLS (DoT, RFC 7858) on one address, with the limits of TCP. */
export class DotListener extends ConnectionListener<TlsConnection> {
  readonly #identity: ServerIdentity;
  readonly #replySpace = new Uint8Array(MAX_MESSAGE_BYTES);

  private constructor(components: ListenerComponents, identity: ServerIdentity, server: Server) {
    super(components, server);
    this.#identity = identity;
  }

  /** @throws Dns4torError ERR_LISTEN_IN_USE, ERR_LISTEN_DENIED, ERR_LISTEN_ADDRESS, ERR_LISTEN */
  static async open(
    components: ListenerComponents,
    identity: ServerIdentity,
    init: ListenerInit,
  ): Promise<DotListener> {
    return new DotListener(components, identity, await listenOn(init, 'DoT'));
  }

  /**
   * Takes over a listening TCP socket.
   * @param fd closed with the listener
   * @returns undefined if `fd` is not such a socket
   */
  static async adopt(
    components: ListenerComponents,
    identity: ServerIdentity,
    fd: number,
  ): Promise<DotListener | undefined> {
    const server = await adoptListening(fd);
    return server && new DotListener(components, identity, server);
  }

  protected serve(socket: Socket, { client, server, idleMs, onUsed }: Slot<TlsConnection>): TlsConnection {
    const connection = new TlsConnection(this.components, socket, {
      identity: this.#identity,
      alpn: ALPN,
      serve: (tls) =>
        new TcpConnection(this.components, tls, {
          client,
          server,
          idleMs,
          transport: 'dot',
          replySpace: this.#replySpace,
          onUsed: () => onUsed(connection),
        }),
    });
    return connection;
  }
}
