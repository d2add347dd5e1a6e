import { BYTES_PER_MIB } from '../../lib/units.ts';

/** A bound UDP socket, with either kind of UDP I/O (`--udp-io`). */
export interface UdpSocket {
  /** The bound IP address. */
  readonly address: string;
  readonly port: number;
  /**
   * Sends an asynchronous reply. If it cannot be sent, it is dropped and counted.
   * @param reply owned by the socket from now on
   */
  send(reply: Uint8Array, client: string, clientPort: number): void;
  /** Stops receiving and sending, and closes the descriptor. */
  close(): Promise<void>;
}

/** Wraps a bound socket once its handler exists. */
export type CreateUdpSocket = (handler: DatagramHandler) => UdpSocket;

/** Handles the datagrams that a socket receives. */
export interface DatagramHandler {
  /**
   * Handles a datagram. `wire` is valid only until this method returns.
   * @param arrivedAt milliseconds on the monotonic clock
   * @param space buffer for an immediate reply
   * @returns length of the reply written to `space`; 0 if there is no reply, or not yet
   */
  onDatagram(wire: Uint8Array, client: string, clientPort: number, arrivedAt: number, space: Uint8Array): number;
  /** One or more datagrams were received in one batch. */
  onBatch(datagrams: number): void;
  /** A reply could not be sent. */
  onUnsent(): void;
}

/** Receive buffer for bursts while the event loop is busy. Linux's default holds only about 250 small datagrams. */
export const RECEIVE_BUFFER_BYTES: number = BYTES_PER_MIB;

/** Maximum replies that wait for room in the kernel's send buffer. Further ones are dropped and counted. */
export const MAX_UNSENT_REPLIES = 1024;
