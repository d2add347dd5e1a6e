import { isIPv6 } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import { UDP_PAYLOAD_BYTES } from '../../message/wire/edns.ts';
import { DatagramBatch } from './datagram-batch.ts';
import type { LinuxSockets } from './linux-sockets.ts';
import type { Watch } from './poll-watch.ts';
import { SocketAddressCodec } from './socket-address.ts';
import {
  type CreateUdpSocket,
  type DatagramHandler,
  MAX_UNSENT_REPLIES,
  RECEIVE_BUFFER_BYTES,
  type UdpSocket,
} from './udp-socket.ts';

/**
 * Datagrams after which TCP and timers get their turn, once the current batch is done. Even under a flood that takes
 * less than a millisecond.
 */
const MAX_PER_TURN = 64;

interface Reply {
  readonly octets: Uint8Array;
  readonly client: string;
  readonly clientPort: number;
}

/**
 * A UDP socket that receives and sends datagrams in batches (recvmmsg(2), sendmmsg(2)). It owns its descriptor, and no
 * other part of Node reads or writes it: the event loop only reports when it is readable. The waiting datagrams are
 * then received and answered, with one system call per batch each way.
 */
export class BatchSocket implements UdpSocket {
  readonly #descriptor: number;
  readonly #sockets: LinuxSockets;
  readonly #addresses: SocketAddressCodec;
  readonly #clock: Clock;
  readonly #handler: DatagramHandler;
  readonly #batch: DatagramBatch;
  readonly #watch: Watch;
  /** Replies for which the kernel had no room. */
  #unsent: Reply[] = [];
  #closed = false;

  private constructor(sockets: LinuxSockets, descriptor: number, clock: Clock, handler: DatagramHandler) {
    this.#descriptor = descriptor;
    this.#sockets = sockets;
    this.#addresses = new SocketAddressCodec(sockets, sockets.familyOf(descriptor));
    this.#clock = clock;
    this.#handler = handler;
    this.#batch = new DatagramBatch(sockets, descriptor, this.#addresses, {
      onBusy: (octets, client, clientPort) => this.#keep({ octets, client, clientPort }),
      onFailed: () => handler.onUnsent(),
    });
    this.#watch = sockets.watch(descriptor, () => this.#onReady());
  }

  /** @throws SystemCallError */
  static open(sockets: LinuxSockets, address: string, port: number, clock: Clock): CreateUdpSocket {
    const socketAddress = new SocketAddressCodec(sockets, isIPv6(address) ? 6 : 4).create(address, port);
    const descriptor = sockets.openUdp(socketAddress, RECEIVE_BUFFER_BYTES);
    return (handler) => new BatchSocket(sockets, descriptor, clock, handler);
  }

  /**
   * Takes over a bound socket. The size of its receive buffer is left unchanged.
   * @throws SystemCallError if it is not a UDP socket. The caller still owns the open descriptor then.
   */
  static adopt(sockets: LinuxSockets, descriptor: number, clock: Clock): CreateUdpSocket {
    sockets.familyOf(descriptor);
    return (handler) => new BatchSocket(sockets, descriptor, clock, handler);
  }

  get address(): string {
    return this.#addresses.text(this.#sockets.boundTo(this.#descriptor, this.#addresses.bytes));
  }

  get port(): number {
    return this.#addresses.port(this.#sockets.boundTo(this.#descriptor, this.#addresses.bytes));
  }

  #onReady(): void {
    if (this.#unsent.length > 0) this.#sendUnsent();
    const batch = this.#batch;
    let handled = 0;
    let count: number;
    do {
      // If the handler has closed this socket, the descriptor may already belong to another one.
      if (this.#closed) return;
      count = batch.receive();
      const now = this.#clock.now();
      for (let i = 0; i < count; i++) {
        const replyBytes = this.#handler.onDatagram(
          batch.wire(i),
          batch.client(i),
          batch.clientPort(i),
          now,
          batch.replySpace,
        );
        if (replyBytes > 0) batch.reply(i, replyBytes);
      }
      if (this.#closed) return;
      batch.flush();
      handled += count;
    } while (count > 0 && handled < MAX_PER_TURN);
    if (handled > 0) this.#handler.onBatch(handled);
  }

  send(octets: Uint8Array, client: string, clientPort: number): void {
    if (this.#closed || octets.length > UDP_PAYLOAD_BYTES) return this.#handler.onUnsent();
    if (this.#unsent.length > 0) return this.#keep({ octets, client, clientPort });
    this.#batch.replySpace.set(octets);
    if (!this.#batch.replyTo(client, clientPort, octets.length)) return this.#handler.onUnsent();
    this.#batch.flush();
  }

  #keep(reply: Reply): void {
    if (this.#unsent.length >= MAX_UNSENT_REPLIES) return this.#handler.onUnsent();
    this.#unsent.push(reply);
    if (this.#unsent.length === 1) this.#watch.setWriteInterest(true);
  }

  #sendUnsent(): void {
    const unsent = this.#unsent;
    this.#unsent = [];
    this.#watch.setWriteInterest(false);
    for (const { octets, client, clientPort } of unsent) this.send(octets, client, clientPort);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watch.close();
    this.#sockets.close(this.#descriptor);
  }
}
