import type { Socket } from 'node:net';
import { Dns4torError } from '../../failures/errors.ts';
import type { Deadline } from '../../lib/deadline.ts';

/**
 * Maximum concurrent queries per connection. HTTP/2 servers commonly allow this many (RFC 9113 §6.5.2 recommends at
 * least 100). It suffices even if answers take seconds.
 */
export const MAX_IN_FLIGHT = 100;

/**
 * The server refused one request because it exceeded the limit on concurrent requests, which was unknown when it was
 * sent. The server did not process it, so it can be sent again (RFC 9113 §8.7).
 */
export class RequestRefusedError extends Dns4torError {
  constructor() {
    super('ERR_UPSTREAM_CONNECTION', 'more concurrent requests than the server allows');
  }
}

/** One connection to a resolver, from the open socket to its end. It never reconnects. */
export interface Session {
  /** Number of queries that can be sent now. */
  readonly capacity: number;
  /** Queries that have been sent and not yet answered. */
  readonly inFlight: number;
  /** Whether any query was answered. */
  readonly hasAnswered: boolean;
  /** Whether queries were sent and none was answered. */
  readonly isUnanswered: boolean;
  /**
   * Sends a DNS message and resolves with the response, both in wire format and with ID 0. At the deadline it frees the
   * query's place and rejects with ERR_DEADLINE, or with ERR_GIVEN_UP for an abandoned query. Rejects with
   * RequestRefusedError, with ERR_UPSTREAM_CONNECTION when the connection is lost, with ERR_UPSTREAM_STALLED when it
   * goes silent, and with ERR_DOH_* for HTTP errors.
   */
  exchange(query: Uint8Array, deadline: Deadline): Promise<Uint8Array>;
  /** Measures a round trip, if the protocol has a message for it. */
  ping(): void;
  /** Closes the connection. Queries in flight reject with `error`. */
  destroy(error: Dns4torError): void;
}

/** What a session reports to its owner. */
export interface SessionEvents {
  /** The first answer has arrived, so the resolver works. */
  onFirstAnswer(): void;
  /** {@link Session.capacity} may have increased. */
  onCapacity(): void;
  /** @param durationMs time between a PING and its acknowledgement */
  onRoundTrip(durationMs: number): void;
  /**
   * No more queries can be sent. Those in flight may still be answered.
   * @param reason why the session has ended, if known
   */
  onRetire(session: Session, reason?: Dns4torError): void;
  /** The socket is closed. */
  onClose(session: Session): void;
}

/** Opens a connection to the resolver through Tor. Rejects with a Dns4torError, after its own time-out. */
export type Connect = () => Promise<Socket>;

/** Starts a session on an open socket, which the session owns from then on. */
export type CreateSession = (socket: Socket, events: SessionEvents) => Session;
