import type { Server, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { MAX_MESSAGE_BYTES } from '../../message/wire/header.ts';
import { adoptListening, ConnectionListener, listenOn, type Slot } from '../connection-listener.ts';
import type { ListenerComponents, ListenerInit } from '../listener.ts';
import type { ServerIdentity } from '../tls/server-identity.ts';
import { TlsConnection } from '../tls/tls-connection.ts';
import type { DohConnectionInit } from './doh-connection.ts';
import { Http1Connection } from './http1-connection.ts';
import { Http1Parser } from './http1-parser.ts';
import { Http2Connection } from './http2-connection.ts';

/** HTTP/2 (RFC 9113 §3.2) and HTTP/1.1 (RFC 7301 §6). */
const ALPN = ['h2', 'http/1.1'];

/** How DoH is served. */
export interface DohInit {
  /** Path of the only resource; begins with a slash. */
  readonly path: string;
}

/** Answers queries over HTTPS (DoH, RFC 8484) on one address. */
export class DohListener extends ConnectionListener<TlsConnection> {
  readonly #identity: ServerIdentity;
  readonly #init: DohInit;
  readonly #parser = new Http1Parser();
  readonly #replySpace = new Uint8Array(MAX_MESSAGE_BYTES);

  private constructor(components: ListenerComponents, identity: ServerIdentity, init: DohInit, server: Server) {
    super(components, server);
    this.#identity = identity;
    this.#init = init;
  }

  /** @throws Dns4torError ERR_LISTEN_IN_USE, ERR_LISTEN_DENIED, ERR_LISTEN_ADDRESS, ERR_LISTEN */
  static async open(
    components: ListenerComponents,
    identity: ServerIdentity,
    init: ListenerInit & DohInit,
  ): Promise<DohListener> {
    return new DohListener(components, identity, init, await listenOn(init, 'DoH'));
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
    init: DohInit,
  ): Promise<DohListener | undefined> {
    const server = await adoptListening(fd);
    return server && new DohListener(components, identity, init, server);
  }

  protected serve(socket: Socket, { client, server, idleMs, onUsed }: Slot<TlsConnection>): TlsConnection {
    const connection = new TlsConnection(this.components, socket, {
      identity: this.#identity,
      alpn: ALPN,
      serve: (tls) =>
        this.#serveHttp(tls, {
          path: this.#init.path,
          replySpace: this.#replySpace,
          client,
          server,
          idleMs,
          onUsed: () => onUsed(connection),
        }),
    });
    return connection;
  }

  /** RFC 7301 §3.2: a client without ALPN speaks HTTP/1.1. */
  #serveHttp(socket: TLSSocket, init: DohConnectionInit): Http1Connection | Http2Connection {
    return socket.alpnProtocol === 'h2'
      ? new Http2Connection(this.components, socket, init)
      : new Http1Connection(this.components, socket, { ...init, parser: this.#parser });
  }
}
