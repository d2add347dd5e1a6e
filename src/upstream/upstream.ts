import type { BreakerState, ConnectionStatus } from '../model/upstream-status.ts';
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

/** What an exchange needs besides the query. */
export interface ExchangeContext {
  readonly deadline: Deadline;
  /**
   * Identifies the client for stream isolation: equal for all queries of one client, different between clients. Absent
   * if clients are not isolated, and for dns4tor's own queries.
   */
  readonly client?: string | undefined;
  /** Called once, just before the exchange resolves. */
  readonly onAnswer?: ((path: AnswerPath) => void) | undefined;
}

/** A resolver, or several behind one interface. */
export interface Upstream extends AsyncDisposable {
  /**
   * Sends one query and returns the answer, both in wire format with ID 0 (RFC 8484 §4.1). The caller keeps ownership
   * of `query`, which is not modified, and owns the answer.
   * Rejects with a Dns4torError, at the latest at the deadline.
   */
  exchange(query: Uint8Array, context: ExchangeContext): Promise<Uint8Array>;
  /** The resolver's URL, for logs. */
  readonly address: string;
}

/** An upstream with circuits of its own, which can be counted and given up. */
export interface PooledUpstream extends Upstream {
  readonly openConnections: number;
  /** Queries that wait for a connection or are on one. */
  readonly queueDepth: number;
  /** Of each set of circuits, whether queries may wait for a connection. */
  readonly breakerStates: readonly BreakerState[];
  /** Of each set of circuits, those in use, by slot. */
  readonly connections: readonly ConnectionStatus[];
  /** Why the latest connection was not had or ended without an answer, where there was no answer since. */
  readonly failure?: ErrorCode | undefined;
  /** Alternative services (RFC 7838) that may be used now. */
  readonly alternatives?: number | undefined;
  /**
   * Gives up all circuits for new ones at once: after a sleep or a change of network nobody may be at the other end of the old ones any
   * more.
   */
  renewAll(): void;
}
