import type { AddressFamily, Transport } from '../metrics/metrics.ts';
import type { QueryScan } from '../message/scan-query.ts';

/** One query from a client, from the moment its bytes are there until its answer is written. */
export interface Query {
  /** The message as received. Nobody changes it, and the listener does not reuse it. */
  readonly wire: Uint8Array;
  /** What one scan of the wire found. */
  readonly scan: QueryScan;
  readonly transport: Transport;
  readonly family: AddressFamily;
  /** The client's address as text. */
  readonly client: string;
  readonly clientPort: number;
  /** How long its connection is kept idle, which a TCP client may ask for (RFC 7828); undefined over UDP. */
  readonly tcpIdleMs: number | undefined;
  /** When the last byte came, on the monotonic clock, in milliseconds. */
  readonly arrivedAt: number;
}

/** A query that gets no answer at all. */
export const DROP: unique symbol = Symbol('drop');
export type Drop = typeof DROP;

/**
 * Answers a query. What comes from the cache or is made here comes at once; only what has to be asked upstream is a promise.
 * The bytes returned are the caller's. Never throws and never rejects.
 */
export type Handler = (query: Query) => Uint8Array | Drop | Promise<Uint8Array | Drop>;
