import { type Dns4torError, toDns4torError } from '../../failures/errors.ts';
import { UNUSABLE_RESPONSES } from '../../failures/question-failures.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Deadline } from '../../lib/deadline.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { ConnectionStatus } from '../../model/upstream-status.ts';
import { DohStatusError } from '../transport/doh-request.ts';
import { RequestRefusedError } from '../transport/session.ts';
import { isRefusal, validateResponse } from '../transport/validate-response.ts';
import type { ConnectionOwner } from './connection.ts';
import { LatencyEstimate, type LatencyModel } from './latency-estimate.ts';

/** The members of {@link Connection} that the pool uses. */
export interface ConnectionLike extends AsyncDisposable {
  readonly isOpen: boolean;
  /** Number of queries that can be sent now. */
  readonly capacity: number;
  /** Queries that have been sent and not yet answered. */
  readonly inFlight: number;
  /** Starts to open the connection; false if the breaker allows no attempt now. */
  open(): boolean;
  exchange(query: Uint8Array, deadline: Deadline): Promise<Uint8Array>;
  /** Measures a round trip, if the protocol has a message for it. */
  ping(): void;
  /** Ends the connection because queries on it get no answer. */
  stall(): void;
}

/** Receives the outcome of each query, for logging. */
export interface AnswerEvents {
  /** A usable answer arrived. */
  answered(): void;
  /** @param isConnected whether the connection is still open, so that only this request failed */
  failed(error: Dns4torError, isConnected: boolean): void;
}

interface PooledConnectionComponents {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly answerEvents?: AnswerEvents | undefined;
  readonly model: LatencyModel;
  /** Creates the connection, with new SOCKS credentials. The pooled connection owns it. */
  readonly createConnection: (owner: ConnectionOwner) => ConnectionLike;
}

/** What a pooled connection reports to its owner; see {@link ConnectionOwner}. */
export interface PooledConnectionOwner {
  onOpen(connection: PooledConnection): void;
  onCapacityChange(): void;
  /** A query on the connection was answered or has failed. */
  onSettled(connection: PooledConnection): void;
  onEnd(connection: PooledConnection, cause: 'unopened' | 'ended' | 'stalled'): boolean;
}

/** A query is overdue after this time, or after this many times the typical response time if that is longer. */
const OVERDUE_MS = 7000;
const OVERDUE_FACTOR = 6;

/** This many overdue queries, without an answer to them or to later ones, show a stall. One or two may be chance. */
const STALLED_QUERIES = 3;

/** A connection that fails where another one answers is avoided for this time per consecutive strike. */
const AVOIDED_MS = 5000;

/** Consecutive strikes after which a connection is to be replaced. Before its first answer, one is enough. */
const MAX_STRIKES = 3;

/** Consecutive unusable responses after which a connection counts as failing. */
const FAILING_RESPONSES = 3;

/** Upper bound for the wait that a Retry-After field can impose. */
const MAX_RETRY_AFTER_MS = 300_000;

/**
 * A connection to the resolver with a record of how well it answers. It is opened once, with its own SOCKS credentials,
 * so Tor builds a circuit for it alone.
 */
export class PooledConnection implements AsyncDisposable {
  readonly #components: PooledConnectionComponents;
  readonly #owner: PooledConnectionOwner;
  readonly #index: number;
  readonly #connection: ConnectionLike;
  /** Its place among the connections to the upstream; the `slot` label of metrics. */
  slot: number;
  #estimate: LatencyEstimate | undefined;
  /** Unanswered queries that were sent after the last answered one, oldest first. */
  readonly #silent = new Set<{ readonly sentAt: number }>();
  /** Queries since the last answer whose deadline passed after {@link OVERDUE_MS} or more. */
  #overdue = 0;
  /** Responses without a usable answer since the last usable one. */
  #unusable = 0;
  #strikes = 0;
  #avoidedUntil = -Infinity;
  #retryAfter = -Infinity;
  /** The response that set {@link #retryAfter}. */
  #retryAfterError: Dns4torError | undefined;
  /** When the connection began to be opened, in milliseconds on the monotonic clock. */
  openingSince = Infinity;

  /** @param index the upstream's index in the configured order */
  constructor(components: PooledConnectionComponents, owner: PooledConnectionOwner, index: number, slot: number) {
    const { clock, model, createConnection } = components;
    this.#components = components;
    this.#owner = owner;
    this.#index = index;
    this.slot = slot;
    this.#connection = createConnection({
      onOpen: (durationMs) => {
        this.#estimate = new LatencyEstimate(model, durationMs, clock.now());
        owner.onOpen(this);
      },
      onCapacityChange: () => owner.onCapacityChange(),
      onRoundTrip: (durationMs) => this.#estimate?.recordRoundTrip(durationMs, clock.now()),
      onEnd: (cause) => owner.onEnd(this, cause),
    });
  }

  get isOpen(): boolean {
    return this.#connection.isOpen;
  }

  get inFlight(): number {
    return this.#connection.inFlight;
  }

  get status(): ConnectionStatus {
    const { isOpen, inFlight } = this.#connection;
    return { slot: this.slot, state: isOpen ? 'open' : 'connecting', typicalMs: this.#estimate?.typicalMs, inFlight };
  }

  /** Starts to open the connection; false if the breaker allows no attempt now. */
  open(): boolean {
    this.openingSince = this.#components.clock.now();
    return this.#connection.open();
  }

  ping(): void {
    this.#connection.ping();
  }

  /** Whether a query would be sent at once. */
  get hasCapacity(): boolean {
    return this.#connection.capacity > 0;
  }

  /** Whether a query may be sent now: the connection has capacity, and no Retry-After is in force. */
  isReady(now: number): boolean {
    return this.hasCapacity && now >= this.#retryAfter;
  }

  /** The response whose Retry-After field (RFC 9110 §10.2.3) is in force; undefined if none is. */
  retryAfterError(now: number): Dns4torError | undefined {
    return now < this.#retryAfter ? this.#retryAfterError : undefined;
  }

  /** Whether it failed recently where another connection answered. */
  isAvoided(now: number): boolean {
    return now < this.#avoidedUntil;
  }

  /** Whether it keeps failing where other connections answer, so that it should be replaced. */
  get isOutlier(): boolean {
    return this.#strikes >= (this.#hasAnswered ? MAX_STRIKES : 1);
  }

  get #hasAnswered(): boolean {
    return (this.#estimate?.answers ?? 0) > 0;
  }

  /**
   * Expected time to the next answer, in milliseconds. Silence counts as slowness only if no query sent later has been
   * answered: one query that is never answered says nothing about the others.
   */
  expectedMs(now: number): number {
    const [oldest] = this.#silent;
    const silentMs = oldest === undefined ? 0 : now - oldest.sentAt;
    return Math.max(silentMs, this.#estimate?.typicalMsAt(this.inFlight) ?? Infinity);
  }

  /** See {@link LatencyEstimate.quantileMs}. */
  quantileMs(deviations: number): number {
    return this.#estimate?.quantileMs(deviations) ?? Infinity;
  }

  /** Records that a query failed here and was then answered on another connection. */
  recordStrike(): void {
    this.#strikes++;
    this.#avoidedUntil = this.#components.clock.now() + AVOIDED_MS * Math.min(MAX_STRIKES, this.#strikes);
  }

  /** Ends the connection if it accepts queries and answers none. Answered PINGs do not prevent that. */
  endIfStalled(now: number): void {
    const patienceMs = Math.max(OVERDUE_MS, OVERDUE_FACTOR * (this.#estimate?.typicalMs ?? 0));
    let overdue = this.#overdue;
    for (const { sentAt } of this.#silent) {
      if (now - sentAt < patienceMs || ++overdue >= STALLED_QUERIES) break;
    }
    if (overdue >= STALLED_QUERIES) this.#connection.stall();
  }

  /**
   * Sends a query on the open connection, and records how long the answer takes.
   * Rejects as {@link Session.exchange} does, and with ERR_RESPONSE_* if the response cannot be an answer to `query`.
   */
  async exchange(query: Uint8Array, deadline: Deadline): Promise<Uint8Array> {
    const { clock, metrics, answerEvents } = this.#components;
    const sent = { sentAt: clock.now() };
    const load = this.inFlight;
    this.#silent.add(sent);
    try {
      const response = await this.#connection.exchange(query, deadline);
      validateResponse(query, response);
      const now = clock.now();
      this.#endSilence(sent.sentAt);
      // SERVFAIL and REFUSED often come at once. They must not make the connection look fast.
      if (!isRefusal(response)) this.#estimate?.recordAnswer(now - sent.sentAt, now, load);
      metrics.exchanged(this.#index, this.slot, 'ok', now - sent.sentAt);
      answerEvents?.answered();
      return response;
    } catch (thrown) {
      const error = toDns4torError(thrown);
      this.#recordFailure(error, sent);
      metrics.exchanged(this.#index, this.slot, error.code, clock.now() - sent.sentAt);
      if (!(error instanceof RequestRefusedError)) answerEvents?.failed(error, this.#connection.isOpen);
      throw error;
    } finally {
      this.#silent.delete(sent);
      this.#owner.onSettled(this);
    }
  }

  /** Whether its recent responses include a usable answer. */
  get isReliable(): boolean {
    return this.#hasAnswered && !this.#isFailing;
  }

  /** Whether its recent responses were all unusable. */
  get #isFailing(): boolean {
    return this.#unusable >= FAILING_RESPONSES;
  }

  /** Whether it has responded, but with no usable answer recently, or ever. */
  get isDoubtful(): boolean {
    return this.#isFailing || (this.#unusable > 0 && !this.#hasAnswered);
  }

  /** Records a response that is not a usable answer. */
  recordUnusable(): void {
    this.#unusable++;
  }

  /** Records a usable answer. */
  recordSuccess(): void {
    this.#unusable = 0;
    this.#strikes = 0;
    this.#avoidedUntil = -Infinity;
  }

  /** A query sent at `sentAt` got a response, so earlier queries without one no longer count as silence. */
  #endSilence(sentAt: number): void {
    this.#overdue = 0;
    for (const query of this.#silent) {
      if (query.sentAt > sentAt) break;
      this.#silent.delete(query);
    }
  }

  #recordFailure(error: Dns4torError, sent: { readonly sentAt: number }): void {
    const now = this.#components.clock.now();
    if (UNUSABLE_RESPONSES.has(error.code)) {
      // The connection is not silent. How long an unusable response takes says nothing about the time to an answer.
      this.#endSilence(sent.sentAt);
      if (error instanceof DohStatusError) this.#applyRetryAfter(error, now);
    } else if (error.code === 'ERR_DEADLINE' && this.#silent.has(sent)) {
      if (now - sent.sentAt >= OVERDUE_MS) this.#overdue++;
      this.#estimate?.recordTimeout(now - sent.sentAt, now);
    }
  }

  /** With 503 (RFC 9110 §10.2.3) and 429 (RFC 6585 §4), Retry-After says how long to wait before the next request. */
  #applyRetryAfter(error: DohStatusError, now: number): void {
    if (error.retryAfterMs === undefined) return;
    this.#retryAfter = now + Math.min(MAX_RETRY_AFTER_MS, error.retryAfterMs);
    this.#retryAfterError = error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]();
  }
}
