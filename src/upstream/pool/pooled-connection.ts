import type { ConnectionStatus } from '../../model/upstream-status.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Deadline } from '../../lib/deadline.ts';
import { type Dns4torError, toDns4torError } from '../../failures/errors.ts';
import { UNUSABLE_RESPONSES } from '../../failures/question-failures.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import { validateResponse, isRefusal } from '../transport/validate-response.ts';
import type { ConnectionOwner } from './connection.ts';
import { DohStatusError } from '../transport/doh-request.ts';
import { LatencyEstimate, type LatencyModel } from './latency-estimate.ts';
import { RequestRefusedError } from '../transport/session.ts';

/** What a circuit needs of a connection. */
export interface ConnectionLike extends AsyncDisposable {
  readonly isOpen: boolean;
  /** Queries that would be sent at once. */
  readonly free: number;
  /** Queries that wait for their answer. */
  readonly inFlight: number;
  /** Begins to open it; false if no attempt may be made now. */
  open(): boolean;
  exchange(query: Uint8Array, deadline: Deadline): Promise<Uint8Array>;
  /** Measures a round trip, if the protocol has a message for it. */
  ping(): void;
  /** Ends it because queries get no answer. */
  stall(): void;
}

/** Reports the outcome of each query, for logging. */
export interface AnswerEvents {
  /** A usable answer arrived. */
  answered(): void;
  /** @param isConnected whether the connection is still open, so that only this request failed */
  failed(error: Dns4torError, isConnected: boolean): void;
}

export interface PooledConnectionComponents {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly answerEvents?: AnswerEvents | undefined;
  readonly model: LatencyModel;
  /** Creates the connection, with SOCKS credentials of its own. It is owned from then on. */
  readonly createConnection: (owner: ConnectionOwner) => ConnectionLike;
}

/** What a circuit tells the set that it belongs to; see {@link ConnectionOwner}. */
export interface PooledConnectionOwner {
  onOpen(circuit: PooledConnection): void;
  onChange(): void;
  /** A query on it was answered or has failed. */
  onSettled(circuit: PooledConnection): void;
  onEnd(circuit: PooledConnection, cause: 'unopened' | 'ended' | 'stalled'): boolean;
}

/** A connection whose queries wait this long, or this many times its typical response time, may be stalled. */
const STALLED_MS = 7000;
const STALLED_FACTOR = 6;

/**
 * So many queries past that time, with no answer to them or to later ones, make it stalled. One or two may be chance.
 */
const STALLED_QUERIES = 3;

/**
 * A circuit that failed where another one answered is avoided for this long, times the number of such failures in a
 * row.
 */
const AVOIDED_MS = 5000;

/** So many such failures in a row, or one before its first answer, and the circuit is to be replaced. */
const MAX_STRIKES = 3;

/** So many unusable responses in a row, and it is not known to work. */
const FAILING_RESPONSES = 3;

/** Longest time that Retry-After can bar a circuit. */
const MAX_BARRED_MS = 300_000;

/** A circuit to the resolver, and what is known of how it answers. */
export class PooledConnection implements AsyncDisposable {
  readonly #components: PooledConnectionComponents;
  readonly #owner: PooledConnectionOwner;
  readonly #index: number;
  readonly #connection: ConnectionLike;
  /** Its place among the circuits to the upstream. */
  slot: number;
  #estimate: LatencyEstimate | undefined;
  /** Unanswered queries that were sent after the last one that was answered, oldest first. */
  readonly #silent = new Set<{ readonly sentAt: number }>();
  /** Queries that waited {@link STALLED_MS} in vain, since the last answer. */
  #expired = 0;
  /** Responses without a usable answer, since the last usable one. */
  #unusable = 0;
  #strikes = 0;
  #avoidedUntil = -Infinity;
  #barredUntil = -Infinity;
  /** The response that bars it. */
  #refusal: Dns4torError | undefined;
  /** When it began to be opened, on the monotonic clock. */
  openingSince = Infinity;

  /** @param index the upstream's place in the configured order */
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
      onChange: () => owner.onChange(),
      onRoundTrip: (durationMs) => this.#estimate?.tookRoundTrip(durationMs, clock.now()),
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

  /** Begins to open its connection; false if no attempt may be made now. */
  open(): boolean {
    this.openingSince = this.#components.clock.now();
    return this.#connection.open();
  }

  ping(): void {
    this.#connection.ping();
  }

  /** Whether a query would be sent at once. */
  get hasRoom(): boolean {
    return this.#connection.free > 0;
  }

  /** Whether a query may be sent now: there is room, and Retry-After has passed. */
  isReady(now: number): boolean {
    return this.hasRoom && now >= this.#barredUntil;
  }

  /** The error response that asks for no more queries until later (RFC 9110 §10.2.3), if that time has not come. */
  refusal(now: number): Dns4torError | undefined {
    return now < this.#barredUntil ? this.#refusal : undefined;
  }

  /** Whether it failed lately where another circuit answered. */
  isAvoided(now: number): boolean {
    return now < this.#avoidedUntil;
  }

  /** Whether it keeps failing where others answer, so that another one should take its place. */
  get isUnfit(): boolean {
    return this.#strikes >= (this.#hasAnswered ? MAX_STRIKES : 1);
  }

  get #hasAnswered(): boolean {
    return (this.#estimate?.answers ?? 0) > 0;
  }

  /**
   * Time in which the next answer is expected, in milliseconds. Silence counts as slowness, but only if nothing sent
   * later has been answered: a query that is never answered says nothing about the others.
   */
  expectedMs(now: number): number {
    const [oldest] = this.#silent;
    const silentMs = oldest === undefined ? 0 : now - oldest.sentAt;
    return Math.max(silentMs, this.#estimate?.typicalMsAt(this.inFlight) ?? Infinity);
  }

  /** As {@link LatencyEstimate.quantileMs}. */
  quantileMs(deviations: number): number {
    return this.#estimate?.quantileMs(deviations) ?? Infinity;
  }

  /** The race in which it failed was won by another circuit. */
  strike(): void {
    this.#strikes++;
    this.#avoidedUntil = this.#components.clock.now() + AVOIDED_MS * Math.min(MAX_STRIKES, this.#strikes);
  }

  /** Ends the connection if it accepts queries and answers none. PINGs may still be answered: they prove nothing. */
  endIfStalled(now: number): void {
    const patienceMs = Math.max(STALLED_MS, STALLED_FACTOR * (this.#estimate?.typicalMs ?? 0));
    let late = this.#expired;
    for (const { sentAt } of this.#silent) {
      if (now - sentAt < patienceMs || ++late >= STALLED_QUERIES) break;
    }
    if (late >= STALLED_QUERIES) this.#connection.stall();
  }

  /**
   * As {@link Upstream.exchange}, on an open connection; how long it takes goes into the estimate.
   * Rejects also with ERR_RESPONSE_* for what cannot be an answer to `query`.
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
      this.#heard(sent.sentAt);
      // A refusal often comes at once. It must not make the circuit look fast.
      if (!isRefusal(response)) this.#estimate?.answered(now - sent.sentAt, now, load);
      metrics.exchanged(this.#index, this.slot, 'ok', now - sent.sentAt);
      answerEvents?.answered();
      return response;
    } catch (thrown) {
      const error = toDns4torError(thrown);
      this.#noteFailure(error, sent);
      metrics.exchanged(this.#index, this.slot, error.code, clock.now() - sent.sentAt);
      if (!(error instanceof RequestRefusedError)) answerEvents?.failed(error, this.#connection.isOpen);
      throw error;
    } finally {
      this.#silent.delete(sent);
      this.#owner.onSettled(this);
    }
  }

  /** Whether its last responses include a usable answer. */
  get isReliable(): boolean {
    return this.#hasAnswered && !this.isFailing;
  }

  /** Whether its last responses were all unusable. */
  get isFailing(): boolean {
    return this.#unusable >= FAILING_RESPONSES;
  }

  /** Whether it has responded to queries, but not lately, or never, with a usable answer. */
  get isDoubtful(): boolean {
    return this.isFailing || (this.#unusable > 0 && !this.#hasAnswered);
  }

  /** It gave a response that is not a usable answer. */
  turnedAway(): void {
    this.#unusable++;
  }

  /** It gave a usable answer. */
  worked(): void {
    this.#unusable = 0;
    this.#strikes = 0;
    this.#avoidedUntil = -Infinity;
  }

  /**
   * A query sent at `sentAt` was answered: those before it are not waited for in vain because the circuit is silent.
   */
  #heard(sentAt: number): void {
    this.#expired = 0;
    for (const query of this.#silent) {
      if (query.sentAt > sentAt) break;
      this.#silent.delete(query);
    }
  }

  #noteFailure(error: Dns4torError, sent: { readonly sentAt: number }): void {
    const now = this.#components.clock.now();
    if (UNUSABLE_RESPONSES.has(error.code)) {
      // An answer of a kind: the circuit is not silent. How long it took says nothing about how fast it answers.
      this.#heard(sent.sentAt);
      if (error instanceof DohStatusError) this.#turnAway(error, now);
    } else if (error.code === 'ERR_DEADLINE' && this.#silent.has(sent)) {
      if (now - sent.sentAt >= STALLED_MS) this.#expired++;
      this.#estimate?.unanswered(now - sent.sentAt, now);
    }
  }

  /**
   * RFC 9110 §10.2.3: with 503, and by RFC 6585 §4 with 429, Retry-After says how long to wait before the next request.
   */
  #turnAway(error: DohStatusError, now: number): void {
    if (error.retryAfterMs === undefined) return;
    this.#barredUntil = now + Math.min(MAX_BARRED_MS, error.retryAfterMs);
    this.#refusal = error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]();
  }
}
