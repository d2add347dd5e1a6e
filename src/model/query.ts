import type { QueryScan } from '../message/wire/scan-query.ts';

export type Transport = 'udp' | 'tcp';
export type AddressFamily = 4 | 6;

/**
 * One query from a client. It and all that it refers to belong to the listener, which uses them for the next query as
 * soon as the handler has returned, a promise or not: what is needed for longer is needed as a {@link copyQuery} of it.
 */
export interface Query {
  /** The message as received. */
  readonly wire: Uint8Array;
  /** What one scan of the wire found. */
  readonly scan: QueryScan;
  readonly transport: Transport;
  readonly family: AddressFamily;
  /** The client's address as text. Made when it is asked for, which few queries need. */
  readonly client: string;
  readonly clientPort: number;
  /** How long its connection is kept idle, which a TCP client may ask for (RFC 7828); undefined over UDP. */
  readonly tcpIdleMs: number | undefined;
  /** When the last byte came, on the monotonic clock, in milliseconds. */
  readonly arrivedAt: number;
}

/** A copy that nobody changes, for what goes on after the handler has returned. */
export function copyQuery(query: Query): Query {
  const { wire, scan, transport, family, client, clientPort, tcpIdleMs, arrivedAt } = query;
  return { wire: wire.slice(), scan: { ...scan }, transport, family, client, clientPort, tcpIdleMs, arrivedAt };
}

/**
 * Answers a query. What comes from the cache or is made here is written to `reply` at once, and its length returned.
 * Only what has to be asked upstream is a promise, of bytes that are the caller's. A length of 0, now or later, is no
 * answer at all. Never throws and never rejects.
 * @param reply the caller's, and the handler's to write to until it returns; has room for any reply over the query's
 * transport: UDP_PAYLOAD_BYTES or MAX_MESSAGE_BYTES
 */
export type Handler = (query: Query, reply: Uint8Array) => number | Promise<Uint8Array>;
