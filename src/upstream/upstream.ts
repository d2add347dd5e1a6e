import type { BreakerState, CircuitStatus } from '../model/upstream-status.ts';
import type { Deadline } from '../lib/deadline.ts';
import type { ErrorCode } from '../failures/failures.ts';

/** How an answer came from a resolver. */
export interface AnswerPath {
  /** Its {@link Upstream.address}. */
  readonly upstream: string;
  /** When what was answered was sent, on the monotonic clock, in milliseconds. */
  readonly sentAt: number;
  /** Whether that was a second try, beside one that took long. */
  readonly secondTry: boolean;
}

export type OnAnswer = (path: AnswerPath) => void;

/** A way to a resolver. Wrappers (failover, the pool of circuits) implement the same three members. */
export interface Upstream extends AsyncDisposable {
  /**
   * Sends one query, DNS wire in, DNS wire out, with ID 0 both ways (RFC 8484 §4.1).
   * The query stays the caller's and is not changed; the answer becomes the caller's.
   * Rejects with a Dns4torError, at the latest when the deadline has passed.
   * @param client whose query it is, as a text that is the same for all of one client's. Only who keeps clients apart looks at it; absent
   *   where nobody is to be kept apart, and for dns4tor's own queries.
   * @param onAnswer told how the answer came, before it is given
   */
  exchange(query: Uint8Array, deadline: Deadline, client?: string, onAnswer?: OnAnswer): Promise<Uint8Array>;
  /** The URL, for logs. */
  readonly address: string;
}

/** An upstream with circuits of its own, which can be counted and given up. */
export interface CircuitsUpstream extends Upstream {
  readonly openConnections: number;
  /** Queries that wait for a connection or are on one. */
  readonly queueDepth: number;
  /** Of each set of circuits, whether queries may wait for a connection. */
  readonly breakerStates: readonly BreakerState[];
  /** Of each set of circuits, those in use, by slot. */
  readonly circuits: readonly CircuitStatus[];
  /** Why the latest connection was not had or ended without an answer, where there was no answer since. */
  readonly failure?: ErrorCode | undefined;
  /** Alternative services (RFC 7838) that may be used now. */
  readonly alternatives?: number;
  /**
   * Gives up all circuits for new ones at once: after a sleep or a change of network nobody may be at the other end of the old ones any
   * more.
   */
  renewAll(): void;
}
