import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { Dns4torError } from '../lib/errors.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { toListenError } from '../lib/listen-error.ts';
import { UDP_PAYLOAD_BYTES } from '../message/edns.ts';
import { createQueryScanner, type QueryScanner } from '../message/scan-query.ts';
import type { AddressFamily } from '../metrics/metrics.ts';
import { InFlight } from './in-flight.ts';
import type { Listener, ListenerComponents, ListenerInit } from './listener.ts';

/** Room for a burst while the event loop is busy: Linux's default holds about 250 small datagrams. */
const RECEIVE_BUFFER_BYTES = 1 << 20;

/** Datagrams handed to the kernel and not yet taken; beyond, replies are dropped and counted, as the network would. */
const MAX_UNSENT = 1024;

/** Queries over UDP on one address. Each address is bound by itself, so that a reply comes from the one that was asked (RFC 2181 §4.1). */
export class UdpListener implements Listener {
  readonly #components: ListenerComponents;
  readonly #socket: Socket;
  readonly #scan: QueryScanner = createQueryScanner();
  readonly #family: AddressFamily;
  readonly #replySpace = new Uint8Array(UDP_PAYLOAD_BYTES);
  readonly #inFlight = new InFlight();
  #unsent = 0;
  #draining = false;
  #closed = false;

  private constructor(components: ListenerComponents, socket: Socket, family: AddressFamily) {
    this.#components = components;
    this.#socket = socket;
    this.#family = family;
    socket.on('message', (wire, peer) => this.#onMessage(wire, peer));
    // The kernel reports earlier datagrams' fates (ICMP errors) here. The next datagram has nothing to do with them.
    socket.on('error', () => components.metrics.dropped('send_failed'));
  }

  /** @throws Dns4torError ERR_LISTEN_IN_USE, ERR_LISTEN_DENIED, ERR_LISTEN_ADDRESS, ERR_LISTEN */
  static async open(components: ListenerComponents, { address, port }: ListenerInit): Promise<UdpListener> {
    const family = isIPv6(address) ? 6 : 4;
    const socket = createSocket({
      type: family === 6 ? 'udp6' : 'udp4',
      ipv6Only: family === 6,
      recvBufferSize: RECEIVE_BUFFER_BYTES,
    });
    try {
      const listening = once(socket, 'listening');
      socket.bind(port, address);
      await listening;
    } catch (error) {
      socket.close();
      throw toListenError(error, `UDP ${formatHostPort(address, port)}`);
    }
    return new UdpListener(components, socket, family);
  }

  /**
   * Takes over a socket that is bound already.
   * @param fd is closed with the listener
   * @param address what it is expected to be bound to; only whether that is IPv6 matters
   * @throws Dns4torError ERR_LISTEN_FD it is no such socket
   */
  static async adopt(components: ListenerComponents, fd: number, address = ''): Promise<UdpListener> {
    const family = isIPv6(address) ? 6 : 4;
    // Its buffer is as whoever bound it wanted; we could ask for less only (socket(7), SO_RCVBUFFORCE).
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    try {
      const listening = once(socket, 'listening');
      socket.bind({ fd });
      await listening;
    } catch (error) {
      socket.close();
      throw new Dns4torError(
        'ERR_LISTEN_FD',
        `descriptor ${fd} is neither a UDP socket nor a TCP socket that listens`,
        error,
      );
    }
    return new UdpListener(components, socket, family);
  }

  /** An IP address. */
  get address(): string {
    return this.#socket.address().address;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  #onMessage(wire: Buffer, peer: RemoteInfo): void {
    const { handler, clock, metrics, isAllowed } = this.#components;
    if (this.#draining) return;
    // Nothing can be sent there, and Node throws where it is tried.
    if (peer.port === 0) return metrics.dropped('port_zero');
    // Silence: a refusal could be sent to whoever's address was forged (RFC 5358 §3).
    if (!isAllowed(peer.address)) return metrics.dropped('not_allowed');
    const query = {
      wire,
      scan: this.#scan(wire),
      transport: 'udp',
      family: this.#family,
      client: peer.address,
      clientPort: peer.port,
      tcpIdleMs: undefined,
      arrivedAt: clock.now(),
    } as const;
    const result = handler(query, this.#replySpace);
    // The socket sends later, when the space is another reply's.
    if (typeof result === 'number') this.#reply(Buffer.copyBytesFrom(this.#replySpace, 0, result), peer);
    else void this.#replyLater(result, peer);
  }

  async #replyLater(result: Promise<Uint8Array>, peer: RemoteInfo): Promise<void> {
    this.#inFlight.begin();
    this.#reply(await result, peer);
    this.#inFlight.end();
  }

  #reply(reply: Uint8Array, peer: RemoteInfo): void {
    if (reply.length === 0) return;
    // An answer that comes after a drain was given up; Node throws where a closed socket is to send.
    if (this.#closed || this.#unsent >= MAX_UNSENT) return this.#components.metrics.dropped('send_failed');
    this.#unsent++;
    this.#socket.send(reply, peer.port, peer.address, (error) => {
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
