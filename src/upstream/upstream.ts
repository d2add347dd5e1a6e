import type { ErrorCode } from '../failures/failures.ts';
import type { Deadline } from '../lib/deadline.ts';
import type { BreakerState, ConnectionStatus } from '../model/upstream-status.ts';

/** How an answer came from a resolver. */
export interface AnswerPath {
  /** The resolver's {@link Upstream.address}. */
  readonly upstream: string;
  /** When the answered query was sent, in milliseconds on the monotonic clock. */
  readonly sentAt: number;
  /** Whether the answer came from a second try: a hedge, or another resolver tried while the first was unanswered. */
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

/** An upstream with one or more connection pools of its own. */
export interface PooledUpstream extends Upstream {
  readonly openConnections: number;
  /** Queries that are on a connection or wait for one. */
  readonly queueDepth: number;
  /** State of the circuit breaker of each pool. */
  readonly breakerStates: readonly BreakerState[];
  /** The connections in use by slot, pool after pool. */
  readonly connections: readonly ConnectionStatus[];
  /**
   * Why the latest connection could not be opened, or ended without an answer. Undefined if an answer has arrived
   * since.
   */
  readonly failure?: ErrorCode | undefined;
  /** Number of alternative services (RFC 7838) that may be used now. Absent: they are not used. */
  readonly alternatives?: number | undefined;
  /**
   * Replaces all connections at once. After a sleep or a change of network, the peers of the old ones may be gone
   * without a trace.
   */
  renewAll(): void;
}
