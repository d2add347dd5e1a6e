import type { Socket } from 'node:net';
import type { Deadline } from '../../lib/deadline.ts';
import { Dns4torError } from '../../failures/errors.ts';

/**
 * Queries on one connection at a time: what HTTP/2 servers commonly allow (RFC 9113 §6.5.2 recommends no less than 100), and enough for a
 * connection whose answers take seconds.
 */
export const MAX_IN_FLIGHT = 100;

/**
 * A request was sent before the server's limit on concurrent requests was known, and was one too many. RFC 9113 §8.7:
 * it was not processed, so that it can be sent again.
 */
export class RequestRefusedError extends Dns4torError {
  constructor() {
    super('ERR_UPSTREAM_CONNECTION', 'more requests at once than the server allows');
  }
}

/** One connection to a resolver, from an open socket to its end. It never reconnects. */
export interface Session {
  /** Queries that can be sent now. */
  readonly free: number;
  /** Queries that wait for their answer. */
  readonly inFlight: number;
  /** Whether any query was answered. */
  readonly answered: boolean;
  /** Whether queries were sent and none was answered. */
  readonly fruitless: boolean;
  /**
   * Sends a DNS message and resolves with the response, both in wire format and with ID 0. At the deadline it frees the
   * query's place and rejects with ERR_DEADLINE, or with ERR_GIVEN_UP for an abandoned query. Rejects with
   * RequestRefusedError, with ERR_UPSTREAM_CONNECTION when the connection is lost, with ERR_UPSTREAM_STALLED when it
   * goes silent, and with ERR_DOH_* for HTTP errors.
   */
  exchange(query: Uint8Array, deadline: Deadline): Promise<Uint8Array>;
  /** Measures a round trip, if the protocol has a message for it. */
  ping(): void;
  /** Ends the connection; what is in flight rejects with `error`. */
  destroy(error: Dns4torError): void;
}

/** What a session tells its owner. */
export interface SessionEvents {
  /** The first answer came: the resolver works. */
  onFirstAnswer(): void;
  /** More queries can be sent than before. */
  onRoom(): void;
  /** A PING was answered, after so many milliseconds. */
  onRoundTrip(durationMs: number): void;
  /**
   * No more queries can be sent. Those in flight may still be answered, or fail.
   * @param reason why, where it was ended by {@link Session.destroy} or its own watchdog
   */
  onRetire(session: Session, reason?: Dns4torError): void;
  /** The socket is closed. */
  onClose(session: Session): void;
}

/** Opens a connection to the resolver through Tor. Rejects with a Dns4torError, after a time-out of its own. */
export type Connect = () => Promise<Socket>;

/** Starts a session on an open socket, which the session owns from then on. */
export type CreateSession = (socket: Socket, events: SessionEvents) => Session;
