import type { Server, Socket } from 'node:net';
import { MAX_MESSAGE_BYTES } from '../../message/wire/header.ts';
import { adoptListening, ConnectionListener, listenOn, type Slot } from '../connection-listener.ts';
import type { ListenerComponents, ListenerInit } from '../listener.ts';
import { TcpConnection } from './tcp-connection.ts';

/** Answers queries over TCP on one address. */
export class TcpListener extends ConnectionListener<TcpConnection> {
  readonly #replySpace = new Uint8Array(MAX_MESSAGE_BYTES);

  /** @throws Dns4torError ERR_LISTEN_IN_USE, ERR_LISTEN_DENIED, ERR_LISTEN_ADDRESS, ERR_LISTEN */
  static async open(components: ListenerComponents, init: ListenerInit): Promise<TcpListener> {
    return new TcpListener(components, await listenOn(init, 'TCP'));
  }

  /**
   * Takes over a listening TCP socket.
   * @param fd closed with the listener
   * @returns undefined if `fd` is not such a socket. A UDP socket is left untouched.
   */
  static async adopt(components: ListenerComponents, fd: number): Promise<TcpListener | undefined> {
    const server: Server | undefined = await adoptListening(fd);
    return server && new TcpListener(components, server);
  }

  protected serve(socket: Socket, slot: Slot<TcpConnection>): TcpConnection {
    return new TcpConnection(this.components, socket, { ...slot, transport: 'tcp', replySpace: this.#replySpace });
  }
}
