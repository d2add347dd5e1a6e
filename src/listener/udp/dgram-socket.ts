import { createSocket, type RemoteInfo, type Socket, type SocketOptions } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import { UDP_PAYLOAD_BYTES } from '../../message/wire/edns.ts';
import type { AddressFamily } from '../../model/query.ts';
import {
  type CreateUdpSocket,
  type DatagramHandler,
  MAX_UNSENT_REPLIES,
  RECEIVE_BUFFER_BYTES,
  type UdpSocket,
} from './udp-socket.ts';

/**
 * A UDP socket of Node, with one system call per datagram. It works on every system, but costs more than answering from
 * the cache.
 */
export class DgramSocket implements UdpSocket {
  readonly #socket: Socket;
  readonly #handler: DatagramHandler;
  readonly #replySpace = new Uint8Array(UDP_PAYLOAD_BYTES);
  #unsent = 0;
  #closed = false;

  /** @param socket bound; closed with this object */
  private constructor(socket: Socket, clock: Clock, handler: DatagramHandler) {
    this.#socket = socket;
    this.#handler = handler;
    socket.on('message', (wire, { address, port }: RemoteInfo) => {
      const replyBytes = handler.onDatagram(wire, address, port, clock.now(), this.#replySpace);
      // Copied, because Node sends it later, when the space may hold another reply.
      if (replyBytes > 0) this.send(Buffer.copyBytesFrom(this.#replySpace, 0, replyBytes), address, port);
    });
    // ICMP errors of earlier datagrams are reported here. They do not affect the next one.
    socket.on('error', () => handler.onUnsent());
  }

  /** @throws the error of bind(2) */
  static async open(address: string, port: number, clock: Clock): Promise<CreateUdpSocket> {
    const socket = createSocket({ ...optionsFor(isIPv6(address) ? 6 : 4), recvBufferSize: RECEIVE_BUFFER_BYTES });
    await untilBound(socket, () => socket.bind(port, address));
    return (handler) => new DgramSocket(socket, clock, handler);
  }

  /**
   * Takes over a bound socket. On failure the caller still owns the open descriptor.
   * @throws the error of Node's `bind`
   */
  static async adopt(fd: number, family: AddressFamily, clock: Clock): Promise<CreateUdpSocket> {
    const socket = createSocket(optionsFor(family));
    await untilBound(socket, () => socket.bind({ fd }));
    return (handler) => new DgramSocket(socket, clock, handler);
  }

  get address(): string {
    return this.#socket.address().address;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  send(reply: Uint8Array, client: string, clientPort: number): void {
    // Node throws if a closed socket is used.
    if (this.#closed || this.#unsent >= MAX_UNSENT_REPLIES) return this.#handler.onUnsent();
    this.#unsent++;
    this.#socket.send(reply, clientPort, client, (error) => {
      this.#unsent--;
      if (error !== null) this.#handler.onUnsent();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }
}

function optionsFor(family: AddressFamily): SocketOptions {
  return { type: family === 6 ? 'udp6' : 'udp4', ipv6Only: family === 6 };
}

/** Binds a socket, and closes it on failure. */
async function untilBound(socket: Socket, bind: () => void): Promise<void> {
  try {
    const listening = once(socket, 'listening');
    bind();
    await listening;
  } catch (error) {
    socket.close();
    throw error;
  }
}
