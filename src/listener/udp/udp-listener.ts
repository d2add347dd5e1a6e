import { isIPv6 } from 'node:net';
import { Dns4torError, toListenError } from '../../failures/errors.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { createQueryScanner, type QueryScanner } from '../../message/wire/scan-query.ts';
import type { Query } from '../../model/query.ts';
import { InFlight } from '../in-flight.ts';
import type { Listener, ListenerComponents, ListenerInit } from '../listener.ts';
import { BatchSocket } from './batch-socket.ts';
import { DgramSocket } from './dgram-socket.ts';
import type { CreateUdpSocket, UdpSocket } from './udp-socket.ts';

/**
 * Answers queries over UDP on one address. Each address has its own socket, so that a reply comes from the address that
 * was queried (RFC 2181 §4.1).
 */
export class UdpListener implements Listener {
  readonly #components: ListenerComponents;
  readonly #socket: UdpSocket;
  readonly #scan: QueryScanner = createQueryScanner();
  readonly #inFlight = new InFlight();
  /** One object for all queries; see {@link Query}. */
  readonly #query: { -readonly [Field in keyof Query]: Query[Field] };
  #draining = false;

  private constructor(components: ListenerComponents, createSocket: CreateUdpSocket) {
    this.#components = components;
    this.#socket = createSocket({
      onDatagram: (wire, client, clientPort, arrivedAt, space) =>
        this.#onDatagram(wire, client, clientPort, arrivedAt, space),
      onBatch: (datagrams) => components.metrics.udpBatch(datagrams),
      onUnsent: () => components.metrics.dropped('send_failed'),
    });
    const none = new Uint8Array(0);
    const { address } = this.#socket;
    this.#query = {
      wire: none,
      scan: this.#scan(none),
      transport: 'udp',
      family: isIPv6(address) ? 6 : 4,
      client: '',
      clientPort: 0,
      server: address,
      tcpIdleMs: undefined,
      arrivedAt: 0,
    };
  }

  /** @throws Dns4torError ERR_LISTEN_IN_USE, ERR_LISTEN_DENIED, ERR_LISTEN_ADDRESS, ERR_LISTEN */
  static async open(components: ListenerComponents, { address, port }: ListenerInit): Promise<UdpListener> {
    const { sockets, clock } = components;
    try {
      const createSocket =
        sockets === undefined
          ? await DgramSocket.open(address, port, clock)
          : BatchSocket.open(sockets, address, port, clock);
      return new UdpListener(components, createSocket);
    } catch (error) {
      throw toListenError(error, `UDP ${formatHostPort(address, port)}`);
    }
  }

  /**
   * Takes over a bound UDP socket.
   * @param fd closed with the listener
   * @param address the expected address of the socket; only its family matters
   * @throws Dns4torError ERR_LISTEN_FD if `fd` is not such a socket
   */
  static async adopt(components: ListenerComponents, fd: number, address = ''): Promise<UdpListener> {
    const { sockets, clock } = components;
    try {
      const createSocket =
        sockets === undefined
          ? await DgramSocket.adopt(fd, isIPv6(address) ? 6 : 4, clock)
          : BatchSocket.adopt(sockets, fd, clock);
      return new UdpListener(components, createSocket);
    } catch (error) {
      const problem = `descriptor ${fd} is neither a UDP socket nor a listening TCP socket`;
      throw new Dns4torError('ERR_LISTEN_FD', problem, error);
    }
  }

  /** The bound IP address. */
  get address(): string {
    return this.#socket.address;
  }

  get port(): number {
    return this.#socket.port;
  }

  #onDatagram(wire: Uint8Array, client: string, clientPort: number, arrivedAt: number, space: Uint8Array): number {
    if (this.#draining) return 0;
    const { handler, metrics, isAllowed } = this.#components;
    if (clientPort === 0) {
      // Nothing can be sent to port 0, and Node throws on the attempt.
      metrics.dropped('port_zero');
      return 0;
    }
    if (!isAllowed(client)) {
      // No reply, because it could go to the victim of a spoofed address (RFC 5358 §3).
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
    if (reply.length > 0) this.#socket.send(reply, client, clientPort);
    this.#inFlight.end();
  }

  drain(): Promise<void> {
    this.#draining = true;
    return this.#inFlight.idle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#draining = true;
    await this.#socket.close();
  }
}
