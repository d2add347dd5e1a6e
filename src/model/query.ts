import type { ErrorCode } from '../failures/failures.ts';
import type { QueryScan } from '../message/wire/scan-query.ts';

/** DNS over UDP, TCP, TLS (RFC 7858) and HTTPS (RFC 8484); the `proto` label of the metrics. */
export const TRANSPORTS = ['udp', 'tcp', 'dot', 'doh'] as const;
/** The transport of a query. */
export type Transport = (typeof TRANSPORTS)[number];
/** A transport without encryption. */
export type PlainTransport = 'udp' | 'tcp';
/** IPv4 or IPv6. */
export type AddressFamily = 4 | 6;

/**
 * A query from a client. The listener owns it and all that it refers to, and reuses them as soon as the handler
 * returns, even if it returns a promise. Keep a {@link copyQuery} instead.
 */
export interface Query {
  /** The message as received. */
  readonly wire: Uint8Array;
  /** The result of scanning `wire`. */
  readonly scan: QueryScan;
  readonly transport: Transport;
  readonly family: AddressFamily;
  /** The client's address as text. Formatted on access, because few queries need it. */
  readonly client: string;
  readonly clientPort: number;
  /** The address of this machine that the client sent it to. Undefined if it came another way: from a reverse proxy. */
  readonly server?: string | undefined;
  /**
   * Idle timeout of the connection, in milliseconds, which a client over TCP or TLS may ask for (RFC 7828). Undefined
   * over UDP and HTTPS.
   */
  readonly tcpIdleMs: number | undefined;
  /** When its last byte arrived: milliseconds on the monotonic clock. */
  readonly arrivedAt: number;
  /** Called before the reply to a query that fails or is refused, for transports with status codes of their own. */
  readonly onFailed?: ((code: ErrorCode) => void) | undefined;
}

/** Copies a query, so that it stays valid after the handler has returned. */
export function copyQuery(query: Query): Query {
  const { wire, scan, transport, family, client, clientPort, server, tcpIdleMs, arrivedAt, onFailed } = query;
  const own = { wire: wire.slice(), scan: { ...scan } };
  return { ...own, transport, family, client, clientPort, server, tcpIdleMs, arrivedAt, onFailed };
}

/**
 * Answers a query. Never throws and never rejects.
 * @param reply owned by the caller. The handler may write to it only until it returns. Has room for any reply over the
 *   query's transport: UDP_PAYLOAD_BYTES or MAX_MESSAGE_BYTES.
 * @returns for an answer from the cache or from policy, its length in `reply`. For an answer from upstream, a promise
 *   of its bytes, which the caller owns. A length of 0 means that the query gets no reply.
 */
export type Handler = (query: Query, reply: Uint8Array) => number | Promise<Uint8Array>;
