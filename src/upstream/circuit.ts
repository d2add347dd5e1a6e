import type { CircuitStatus } from '../lib/circuit-status.ts';
import type { Clock } from '../lib/clock.ts';
import type { Deadline } from '../lib/deadline.ts';
import { type Dns4torError, toDns4torError } from '../lib/errors.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { acceptResponse } from './accept.ts';
import { ResponseTime } from './response-time.ts';

/** What a circuit needs of a connection. */
export interface CircuitConnection extends AsyncDisposable {
  readonly isOpen: boolean;
  readonly isConnecting: boolean;
  /** Queries that would be sent at once. */
  readonly free: number;
  /** Queries that wait for their answer. */
  readonly inFlight: number;
  /** Resolves when it is open or could not be opened, and never rejects. */
  open(): Promise<void>;
  exchange(query: Uint8Array, deadline: Deadline): Promise<Uint8Array>;
}

/** Reports the outcome of each query, for logging. */
export interface AnswerEvents {
  /** A usable answer arrived. */
  answered(): void;
  /** @param isConnected whether the connection is still open, so that only this request failed */
  failed(error: Dns4torError, isConnected: boolean): void;
}

export interface CircuitComponents {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly answerEvents?: AnswerEvents | undefined;
  /** With SOCKS credentials of its own; owned from here on. */
  readonly connection: CircuitConnection;
}

/** A circuit to the resolver, and what is known of how it answers. */
export class Circuit implements AsyncDisposable {
  readonly #components: CircuitComponents;
  readonly #index: number;
  /** Its place among the circuits to the upstream. */
  readonly slot: number;
  readonly #responseTime = new ResponseTime();
  /** When each query that is not answered yet was sent, the oldest first. */
  readonly #outstanding = new Set<{ readonly sentAt: number }>();
  #used = false;

  /** @param index the upstream's place in the configured order */
  constructor(components: CircuitComponents, index: number, slot: number) {
    this.#components = components;
    this.#index = index;
    this.slot = slot;
  }

  get isOpen(): boolean {
    return this.#components.connection.isOpen;
  }

  /** Whether a query would be sent at once. */
  get hasRoom(): boolean {
    return this.#components.connection.free > 0;
  }

  get inFlight(): number {
    return this.#components.connection.inFlight;
  }

  /** Whether anything was ever asked of it. */
  get used(): boolean {
    return this.#used;
  }

  /** How many answers its estimate rests on. */
  get samples(): number {
    return this.#responseTime.samples;
  }

  get status(): CircuitStatus {
    const { isOpen, isConnecting, inFlight } = this.#components.connection;
    const state = isOpen ? 'open' : isConnecting ? 'connecting' : 'closed';
    return { slot: this.slot, state, typicalMs: this.#responseTime.typicalMs, inFlight };
  }

  /** As {@link CircuitConnection.open}. */
  open(): Promise<void> {
    return this.#components.connection.open();
  }

  /**
   * How long the next answer is expected to take, in milliseconds. A query that is still waiting says already that the circuit takes at
   * least so long: else one that hangs would look as fast as it once was until the query's deadline.
   */
  expectedMs(unknownMs: number): number {
    const [oldest] = this.#outstanding;
    const waited = oldest === undefined ? 0 : this.#components.clock.now() - oldest.sentAt;
    return Math.max(waited, this.#responseTime.typicalMs ?? unknownMs);
  }

  /**
   * As {@link Upstream.exchange}, on an open connection; how long it takes goes into the estimate.
   * Rejects also with ERR_RESPONSE_* for what cannot be an answer to `query`.
   */
  async exchange(query: Uint8Array, deadline: Deadline, onAnswer: (durationMs: number) => void): Promise<Uint8Array> {
    const { clock, metrics, connection, answerEvents } = this.#components;
    this.#used = true;
    const sent = { sentAt: clock.now() };
    this.#outstanding.add(sent);
    const durationMs = (): number => clock.now() - sent.sentAt;
    try {
      const response = await connection.exchange(query, deadline);
      acceptResponse(query, response);
      this.#responseTime.record(durationMs());
      onAnswer(durationMs());
      metrics.exchanged(this.#index, this.slot, 'ok', durationMs());
      answerEvents?.answered();
      return response;
    } catch (thrown) {
      const error = toDns4torError(thrown);
      // So long at least, and that is worth knowing.
      if (error.code === 'ERR_DEADLINE') this.#responseTime.record(durationMs());
      metrics.exchanged(this.#index, this.slot, error.code, durationMs());
      answerEvents?.failed(error, connection.isOpen);
      throw error;
    } finally {
      this.#outstanding.delete(sent);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#components.connection[Symbol.asyncDispose]();
  }
}
