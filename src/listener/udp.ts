import { createSocket, type RemoteInfo, type Socket, type SocketOptions } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { Dns4torError } from '../lib/errors.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { toListenError } from '../lib/listen-error.ts';
import { UDP_PAYLOAD_BYTES } from '../message/edns.ts';
import { createQueryScanner, type QueryScanner } from '../message/scan-query.ts';
import type { AddressFamily } from '../metrics/metrics.ts';
import type { Query } from '../resolver/query.ts';
import { DatagramBatch, type UnsentReplies } from './datagram-batch.ts';
import { InFlight } from './in-flight.ts';
import type { Listener, ListenerComponents, ListenerInit } from './listener.ts';
import { SocketAddresses } from './socket-address.ts';

/** Room for a burst while the event loop is busy: Linux's default holds about 250 small datagrams. */
const RECEIVE_BUFFER_BYTES = 1 << 20;

/** Datagrams handed to the kernel and not yet taken; beyond, replies are dropped and counted, as the network would. */
const MAX_UNSENT = 1024;

/**
 * Datagrams that are taken together at a time. libuv reads up to 32 datagrams in a row before it looks at anything else, and after each of
 * them a batch is taken: under a flood, TCP and timers wait for at most 32 times this many, which is a hundredth of a second.
 */
const MAX_TAKEN = 64;

/**
 * Queries over UDP on one address. Each address is bound by itself, so that a reply comes from the one that was asked (RFC 2181 §4.1).
 *
 * A socket of Node's hands over each datagram by itself, at a price above that of the answer. Where the system calls are at hand, it only says
 * that there are some, with the first: the others that wait are taken, and all are answered, with a call for many.
 */
export class UdpListener implements Listener {
  readonly #components: ListenerComponents;
  readonly #socket: Socket;
  readonly #scan: QueryScanner = createQueryScanner();
  /** Undefined: each by itself. */
  readonly #batch: DatagramBatch | undefined;
  readonly #replySpace = new Uint8Array(UDP_PAYLOAD_BYTES);
  readonly #inFlight = new InFlight();
  /** One for all: see Query. */
  readonly #query: { -readonly [Field in keyof Query]: Query[Field] };
  #unsent = 0;
  #draining = false;
  #closed = false;

  private constructor(
    components: ListenerComponents,
    socket: Socket,
    family: AddressFamily,
    createBatch?: (unsent: UnsentReplies) => DatagramBatch,
  ) {
    this.#components = components;
    this.#socket = socket;
    const none = new Uint8Array(0);
    this.#query = {
      wire: none,
      scan: this.#scan(none),
      transport: 'udp',
      family,
      client: '',
      clientPort: 0,
      tcpIdleMs: undefined,
      arrivedAt: 0,
    };
    this.#batch = createBatch?.({
      onBusy: (reply, client, port) => this.#send(reply, client, port),
      onFailed: () => components.metrics.dropped('send_failed'),
    });
    socket.on('message', (wire, peer) => this.#onMessage(wire, peer));
    // The kernel reports earlier datagrams' fates (ICMP errors) here. The next datagram has nothing to do with them.
    socket.on('error', () => components.metrics.dropped('send_failed'));
  }

  /** @throws Dns4torError ERR_LISTEN_IN_USE, ERR_LISTEN_DENIED, ERR_LISTEN_ADDRESS, ERR_LISTEN */
  static async open(components: ListenerComponents, { address, port }: ListenerInit): Promise<UdpListener> {
    const family = isIPv6(address) ? 6 : 4;
    const { sockets } = components;
    try {
      if (sockets === undefined) {
        const socket = createSocket({ ...optionsFor(family), recvBufferSize: RECEIVE_BUFFER_BYTES });
        await bound(socket, () => socket.bind(port, address));
        return new UdpListener(components, socket, family);
      }
      const socketAddress = new SocketAddresses(sockets, family).create(address, port);
      const fd = sockets.openUdp(socketAddress, RECEIVE_BUFFER_BYTES);
      try {
        return await UdpListener.#takeOver(components, fd, family);
      } catch (error) {
        sockets.close(fd);
        throw error;
      }
    } catch (error) {
      throw toListenError(error, `UDP ${formatHostPort(address, port)}`);
    }
  }

  /**
   * Takes over a socket that is bound already.
   * @param fd is closed with the listener
   * @param address what it is expected to be bound to; only whether that is IPv6 matters
   * @throws Dns4torError ERR_LISTEN_FD it is no such socket
   */
  static async adopt(components: ListenerComponents, fd: number, address = ''): Promise<UdpListener> {
    try {
      // Its buffer is as whoever bound it wanted; we could ask for less only (socket(7), SO_RCVBUFFORCE).
      return await UdpListener.#takeOver(components, fd, isIPv6(address) ? 6 : 4);
    } catch (error) {
      const problem = `descriptor ${fd} is neither a UDP socket nor a TCP socket that listens`;
      throw new Dns4torError('ERR_LISTEN_FD', problem, error);
    }
  }

  /** Where it fails, the descriptor is still open, and the caller's. */
  static async #takeOver(components: ListenerComponents, fd: number, family: AddressFamily): Promise<UdpListener> {
    const socket = createSocket(optionsFor(family));
    await bound(socket, () => socket.bind({ fd }));
    const { sockets } = components;
    if (sockets === undefined) return new UdpListener(components, socket, family);
    sockets.keepAddress(fd);
    const addresses = new SocketAddresses(sockets, family);
    const createBatch = (unsent: UnsentReplies): DatagramBatch => new DatagramBatch(sockets, fd, addresses, unsent);
    return new UdpListener(components, socket, family, createBatch);
  }

  /** An IP address. */
  get address(): string {
    return this.#socket.address().address;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  #onMessage(wire: Buffer, { address, port }: RemoteInfo): void {
    if (this.#draining) return;
    const batch = this.#batch;
    const space = batch === undefined ? this.#replySpace : batch.replySpace;
    const replyBytes = this.#handle(wire, address, port, this.#components.clock.now(), space);
    // A socket sends later, when the space is another reply's.
    const isLeft = replyBytes > 0 && !batch?.replyTo(address, port, replyBytes);
    if (isLeft) this.#send(Buffer.copyBytesFrom(space, 0, replyBytes), address, port);
    if (batch !== undefined) this.#takeWaiting(batch);
  }

  #takeWaiting(batch: DatagramBatch): void {
    let taken = 0;
    let count: number;
    do {
      // Where a handler has closed us, the descriptor is no longer ours.
      if (this.#closed) return;
      count = batch.receive();
      const now = this.#components.clock.now();
      for (let i = 0; i < count; i++) {
        const port = batch.clientPort(i);
        const replyBytes = this.#handle(batch.wire(i), batch.client(i), port, now, batch.replySpace);
        if (replyBytes > 0) batch.reply(i, replyBytes);
      }
      if (this.#closed) return;
      batch.flush();
      taken += count;
    } while (count > 0 && taken < MAX_TAKEN);
  }

  /** The length of the reply that was written to `space`; 0 for none, or none yet. */
  #handle(wire: Uint8Array, client: string, clientPort: number, arrivedAt: number, space: Uint8Array): number {
    const { handler, metrics, isAllowed } = this.#components;
    if (clientPort === 0) {
      // Nothing can be sent there, and Node throws where it is tried.
      metrics.dropped('port_zero');
      return 0;
    }
    if (!isAllowed(client)) {
      // Silence: a refusal could be sent to whoever's address was forged (RFC 5358 §3).
      metrics.dropped('not_allowed');
      return 0;
    }
    const query = this.#query;
    query.wire = wire;
    query.scan = this.#scan(wire);
    query.client = client;
    query.clientPort = clientPort;
    query.arrivedAt = arrivedAt;
    const result = handler(query, space);
    if (typeof result === 'number') return result;
    void this.#replyLater(result, client, clientPort);
    return 0;
  }

  async #replyLater(result: Promise<Uint8Array>, client: string, clientPort: number): Promise<void> {
    this.#inFlight.begin();
    const reply = await result;
    if (reply.length > 0) this.#send(reply, client, clientPort);
    this.#inFlight.end();
  }

  #send(reply: Uint8Array, client: string, clientPort: number): void {
    // An answer that comes after a drain was given up; Node throws where a closed socket is to send.
    if (this.#closed || this.#unsent >= MAX_UNSENT) return this.#components.metrics.dropped('send_failed');
    this.#unsent++;
    this.#socket.send(reply, clientPort, client, (error) => {
      this.#unsent--;
      if (error !== null) this.#components.metrics.dropped('send_failed');
    });
  }

  drain(): Promise<void> {
    this.#draining = true;
    return this.#inFlight.idle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#draining = true;
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
