import { isIPv6 } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import { UDP_PAYLOAD_BYTES } from '../../message/wire/edns.ts';
import { DatagramBatch } from './datagram-batch.ts';
import type { LinuxSockets } from './linux-sockets.ts';
import type { Watch } from './poll-watch.ts';
import { SocketAddresses } from './socket-address.ts';
import {
  type CreateUdpSocket,
  type DatagramTaker,
  MAX_UNSENT,
  RECEIVE_BUFFER_BYTES,
  type UdpSocket,
} from './udp-socket.ts';

/** Under a flood, TCP and timers get their turn after so many datagrams and the rest of a batch: within a millisecond. */
const MAX_TAKEN = 64;

interface Reply {
  readonly octets: Uint8Array;
  readonly client: string;
  readonly clientPort: number;
}

/**
 * Many datagrams with one system call. The socket is a descriptor of our own, and no other part of Node reads or writes it: the event loop
 * only says that something waits. All that waits is taken and answered then, with a call for many each way.
 */
export class BatchSocket implements UdpSocket {
  readonly #descriptor: number;
  readonly #sockets: LinuxSockets;
  readonly #addresses: SocketAddresses;
  readonly #clock: Clock;
  readonly #taker: DatagramTaker;
  readonly #batch: DatagramBatch;
  readonly #watch: Watch;
  /** Replies that the kernel has had no room for. */
  #unsent: Reply[] = [];
  #closed = false;

  private constructor(sockets: LinuxSockets, descriptor: number, clock: Clock, taker: DatagramTaker) {
    this.#descriptor = descriptor;
    this.#sockets = sockets;
    this.#addresses = new SocketAddresses(sockets, sockets.familyOf(descriptor));
    this.#clock = clock;
    this.#taker = taker;
    this.#batch = new DatagramBatch(sockets, descriptor, this.#addresses, {
      onBusy: (octets, client, clientPort) => this.#keep({ octets, client, clientPort }),
      onFailed: () => taker.onUnsent(),
    });
    this.#watch = sockets.watch(descriptor, () => this.#onReady());
  }

  /** @throws SystemCallError */
  static open(sockets: LinuxSockets, address: string, port: number, clock: Clock): CreateUdpSocket {
    const socketAddress = new SocketAddresses(sockets, isIPv6(address) ? 6 : 4).create(address, port);
    const descriptor = sockets.openUdp(socketAddress, RECEIVE_BUFFER_BYTES);
    return (taker) => new BatchSocket(sockets, descriptor, clock, taker);
  }

  /**
   * Takes over a socket that is bound already. Its buffer is as whoever bound it wanted.
   * @throws SystemCallError it is no UDP socket: it is still open then, and the caller's
   */
  static adopt(sockets: LinuxSockets, descriptor: number, clock: Clock): CreateUdpSocket {
    sockets.familyOf(descriptor);
    return (taker) => new BatchSocket(sockets, descriptor, clock, taker);
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
    let taken = 0;
    let count: number;
    do {
      // Where a taker has closed us, the descriptor is no longer ours.
      if (this.#closed) return;
      count = batch.receive();
      const now = this.#clock.now();
      for (let i = 0; i < count; i++) {
        const replyBytes = this.#taker.take(batch.wire(i), batch.client(i), batch.clientPort(i), now, batch.replySpace);
        if (replyBytes > 0) batch.reply(i, replyBytes);
      }
      if (this.#closed) return;
      batch.flush();
      taken += count;
    } while (count > 0 && taken < MAX_TAKEN);
    if (taken > 0) this.#taker.onBatch(taken);
  }

  send(octets: Uint8Array, client: string, clientPort: number): void {
    if (this.#closed || octets.length > UDP_PAYLOAD_BYTES) return this.#taker.onUnsent();
    if (this.#unsent.length > 0) return this.#keep({ octets, client, clientPort });
    this.#batch.replySpace.set(octets);
    if (!this.#batch.replyTo(client, clientPort, octets.length)) return this.#taker.onUnsent();
    this.#batch.flush();
  }

  #keep(reply: Reply): void {
    if (this.#unsent.length >= MAX_UNSENT) return this.#taker.onUnsent();
    this.#unsent.push(reply);
    if (this.#unsent.length === 1) this.#watch.setRoomWanted(true);
  }

  #sendUnsent(): void {
    const unsent = this.#unsent;
    this.#unsent = [];
    this.#watch.setRoomWanted(false);
    for (const { octets, client, clientPort } of unsent) this.send(octets, client, clientPort);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watch.close();
    this.#sockets.close(this.#descriptor);
  }
}
