import { createSocket, type RemoteInfo, type Socket, type SocketOptions } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import { UDP_PAYLOAD_BYTES } from '../../message/wire/edns.ts';
import type { AddressFamily } from '../../model/query.ts';
import {
  type CreateUdpSocket,
  type DatagramTaker,
  MAX_UNSENT,
  RECEIVE_BUFFER_BYTES,
  type UdpSocket,
} from './udp-socket.ts';

/** Each datagram by itself, as Node has it: everywhere, at a price above that of a cached answer. */
export class DgramSocket implements UdpSocket {
  readonly #socket: Socket;
  readonly #taker: DatagramTaker;
  readonly #replySpace = new Uint8Array(UDP_PAYLOAD_BYTES);
  #unsent = 0;
  #closed = false;

  /** @param socket is bound, and closed with this */
  private constructor(socket: Socket, clock: Clock, taker: DatagramTaker) {
    this.#socket = socket;
    this.#taker = taker;
    socket.on('message', (wire, { address, port }: RemoteInfo) => {
      const replyBytes = taker.take(wire, address, port, clock.now(), this.#replySpace);
      // It is sent later, when the space is another reply's.
      if (replyBytes > 0) this.send(Buffer.copyBytesFrom(this.#replySpace, 0, replyBytes), address, port);
    });
    // The kernel reports earlier datagrams' fates (ICMP errors) here. The next datagram has nothing to do with them.
    socket.on('error', () => taker.onUnsent());
  }

  /** @throws what `bind` fails with */
  static async open(address: string, port: number, clock: Clock): Promise<CreateUdpSocket> {
    const socket = createSocket({ ...optionsFor(isIPv6(address) ? 6 : 4), recvBufferSize: RECEIVE_BUFFER_BYTES });
    await bound(socket, () => socket.bind(port, address));
    return (taker) => new DgramSocket(socket, clock, taker);
  }

  /**
   * Takes over a socket that is bound already. Where that fails, the descriptor is still open, and the caller's.
   * @throws what `bind` fails with
   */
  static async adopt(fd: number, family: AddressFamily, clock: Clock): Promise<CreateUdpSocket> {
    const socket = createSocket(optionsFor(family));
    await bound(socket, () => socket.bind({ fd }));
    return (taker) => new DgramSocket(socket, clock, taker);
  }

  get address(): string {
    return this.#socket.address().address;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  send(reply: Uint8Array, client: string, clientPort: number): void {
    // Node throws where a closed socket is to send.
    if (this.#closed || this.#unsent >= MAX_UNSENT) return this.#taker.onUnsent();
    this.#unsent++;
    this.#socket.send(reply, clientPort, client, (error) => {
      this.#unsent--;
      if (error !== null) this.#taker.onUnsent();
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

/** Resolves when the socket is bound; closes it where it cannot be. */
async function bound(socket: Socket, bind: () => void): Promise<void> {
  try {
    const listening = once(socket, 'listening');
    bind();
    await listening;
  } catch (error) {
    socket.close();
    throw error;
  }
}
