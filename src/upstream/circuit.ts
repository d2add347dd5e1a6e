import type { Clock } from '../lib/clock.ts';
import type { Deadline } from '../lib/deadline.ts';
import { toDns4torError } from '../lib/errors.ts';
import { ResponseTime } from './response-time.ts';
import type { Upstream } from './upstream.ts';

/** A way to the resolver on a circuit of its own, that is with SOCKS credentials of its own. */
export interface CircuitUpstream extends Upstream {
  /** Opens the connection ahead of need; resolves when it is open or has failed, and never rejects. */
  warm(): Promise<void>;
  readonly openConnections: number;
  /** Queries that can be sent now, without waiting for the connection or for a stream on it. */
  readonly free: number;
  /** Queries that wait for the connection or are on it. */
  readonly queueDepth: number;
}

/** A circuit and what is known of how it answers. */
export class Circuit {
  readonly upstream: CircuitUpstream;
  readonly #clock: Clock;
  readonly #responseTime = new ResponseTime();
  /** When each query that is not answered yet was sent, the oldest first. */
  readonly #outstanding = new Set<{ readonly sentAt: number }>();
  #used = false;

  constructor(clock: Clock, upstream: CircuitUpstream) {
    this.#clock = clock;
    this.upstream = upstream;
  }

  get isOpen(): boolean {
    return this.upstream.openConnections > 0;
  }

  /** Whether a query would be sent at once. */
  get hasRoom(): boolean {
    return this.upstream.free > 0;
  }

  /** Whether anything was ever asked of it. */
  get used(): boolean {
    return this.#used;
  }

  /** How many answers its estimate rests on. */
  get samples(): number {
    return this.#responseTime.samples;
  }

  /**
   * How long the next answer is expected to take, in milliseconds. A query that is still waiting says already that the circuit takes at
   * least so long: else one that hangs would look as fast as it once was until the query's deadline.
   */
  expectedMs(unknownMs: number): number {
    const [oldest] = this.#outstanding;
    const waited = oldest === undefined ? 0 : this.#clock.now() - oldest.sentAt;
    return Math.max(waited, this.#responseTime.typicalMs ?? unknownMs);
  }

  /** As {@link Upstream.exchange}; the time it takes goes into the estimate. */
  async exchange(query: Uint8Array, deadline: Deadline, onAnswer: (durationMs: number) => void): Promise<Uint8Array> {
    this.#used = true;
    const isWarm = this.isOpen;
    const sent = { sentAt: this.#clock.now() };
    this.#outstanding.add(sent);
    try {
      const response = await this.upstream.exchange(query, deadline);
      // The first query after a pause waits for the connection too, which says nothing about the next.
      if (isWarm) {
        this.#record(sent.sentAt);
        onAnswer(this.#clock.now() - sent.sentAt);
      }
      return response;
    } catch (error) {
      if (isWarm && toDns4torError(error).code === 'ERR_DEADLINE') this.#record(sent.sentAt);
      throw error;
    } finally {
      this.#outstanding.delete(sent);
    }
  }

  #record(sentAt: number): void {
    this.#responseTime.record(this.#clock.now() - sentAt);
  }
}
