import type { Server, Socket } from 'node:net';
import { MAX_MESSAGE_BYTES } from '../../message/wire/header.ts';
import { adoptListening, ConnectionListener, type Slot } from '../connection-listener.ts';
import type { ListenerComponents } from '../listener.ts';
import type { DohInit } from './doh-listener.ts';
import { Http1Connection } from './http1-connection.ts';
import { Http1Parser } from './http1-parser.ts';
import { Http2Connection } from './http2-connection.ts';
import { PlainConnection } from './plain-connection.ts';

/** The proxy is a program of this machine, whatever it says about its own clients. */
const PROXY_ADDRESS = '127.0.0.1';

/**
 * Answers the queries of a reverse proxy on this machine: DoH without TLS on a unix socket, as HTTP/1.1 or as HTTP/2
 * with prior knowledge (RFC 9113 §3.3). The socket's permissions decide who may connect, so the access list does not
 * apply.
 */
export class DohPlainListener extends ConnectionListener<PlainConnection> {
  readonly #init: DohInit;
  readonly #parser = new Http1Parser();
  readonly #replySpace = new Uint8Array(MAX_MESSAGE_BYTES);

  /** @param server made by `createPausingServer`, listening on a unix socket; owned from here on */
  constructor(components: ListenerComponents, init: DohInit, server: Server) {
    super(components, server);
    this.#init = init;
  }

  /**
   * Takes over a listening unix socket.
   * @param fd closed with the listener
   * @returns undefined if `fd` is not such a socket
   */
  static async adopt(components: ListenerComponents, fd: number, init: DohInit): Promise<DohPlainListener | undefined> {
    const server = await adoptListening(fd, 'unix');
    return server && new DohPlainListener(components, init, server);
  }

  protected override clientOf(): string {
    return PROXY_ADDRESS;
  }

  protected serve(socket: Socket, slot: Slot<PlainConnection>): PlainConnection {
    const connection = new PlainConnection(this.components, socket, (begun, isHttp2) => {
      const init = {
        ...slot,
        path: this.#init.path,
        replySpace: this.#replySpace,
        onUsed: () => slot.onUsed(connection),
      };
      return isHttp2
        ? new Http2Connection(this.components, begun, init)
        : new Http1Connection(this.components, begun, { ...init, parser: this.#parser });
    });
    return connection;
  }
}
