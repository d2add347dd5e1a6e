import { BYTES_PER_MIB } from '../../lib/units.ts';

/** A bound UDP socket, in one of the ways in which datagrams can be taken and sent. */
export interface UdpSocket {
  /** An IP address. */
  readonly address: string;
  readonly port: number;
  /** Sends a reply that was not there at once. What cannot be sent is dropped and counted. The bytes are the callee's. */
  send(reply: Uint8Array, client: string, clientPort: number): void;
  /** Nothing is taken or sent from here on. */
  close(): Promise<void>;
}

/** Makes it of what is bound already, once there is somebody to take what comes. */
export type CreateUdpSocket = (taker: DatagramTaker) => UdpSocket;

/** Whoever answers what comes on the socket. */
export interface DatagramTaker {
  /**
   * Takes a datagram, which is there only until it returns. Returns the length of the reply that it has written to `space`; 0 for none, or
   * none yet.
   * @param arrivedAt in milliseconds on the monotonic clock
   */
  take(wire: Uint8Array, client: string, clientPort: number, arrivedAt: number, space: Uint8Array): number;
  /** So many were taken together, at least one. */
  onBatch(datagrams: number): void;
  /** A reply could not be sent. */
  onUnsent(): void;
}

/** Room for a burst while the event loop is busy: Linux's default holds about 250 small datagrams. */
export const RECEIVE_BUFFER_BYTES: number = BYTES_PER_MIB;

/** Replies that the kernel has had no room for yet; beyond, they are dropped and counted, as the network would. */
export const MAX_UNSENT = 1024;
