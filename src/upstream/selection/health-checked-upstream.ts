import { type BackOff, drawPauseMs } from '../../lib/back-off.ts';
import type { Clock } from '../../lib/clock.ts';
import { Deadline } from '../../lib/deadline.ts';
import type { Random } from '../../lib/random.ts';
import { PROBE_QUERY } from '../../message/upstream-query.ts';
import { P99_RESPONSE_MS } from '../../model/response-time.ts';
import type { ExchangeContext, Upstream } from '../upstream.ts';

/** Consecutive unanswered queries after which an upstream is marked down. One may be chance. */
const TIMEOUTS_TO_MARK_DOWN = 2;

/** Pauses after failed probes. Each probe costs relays a stream to a resolver that is down. */
const PROBE_PAUSES: BackOff = { firstMs: 1000, longestMs: 30_000 };

/** Receives changes of an upstream's health, for logging. */
export interface HealthEvents {
  /** The upstream accepts connections but answers nothing. From now on queries go to the others first. */
  markedDown(): void;
  /** The upstream answers again, `durationMs` after it was marked down. */
  recovered(durationMs: number): void;
}

interface HealthCheckedUpstreamComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly events?: HealthEvents | undefined;
}

/** An upstream that may report how many connections are open. */
export type FailoverMember = Upstream & { readonly openConnections?: number };

/**
 * One of several upstreams with its health. It is down while it accepts connections but answers nothing. An unreachable
 * upstream is handled by its circuit breaker instead.
 */
export class HealthCheckedUpstream {
  readonly upstream: FailoverMember;
  readonly #components: HealthCheckedUpstreamComponents;
  #answeredAt = -Infinity;
  /** Consecutive queries without an answer in time. */
  #timeouts = 0;
  #downSince: number | undefined;
  #isProbing = false;
  #failedProbes = 0;
  #nextProbeAt = 0;

  /** @param upstream owned by the caller */
  constructor(components: HealthCheckedUpstreamComponents, upstream: FailoverMember) {
    this.#components = components;
    this.upstream = upstream;
  }

  /** Whether the upstream accepts connections but answers nothing. */
  get isDown(): boolean {
    return this.#downSince !== undefined;
  }

  /** Whether any answer has arrived since `sinceMs`, a time on the monotonic clock. */
  hasAnsweredSince(sinceMs: number): boolean {
    return this.#answeredAt >= sinceMs;
  }

  /** See {@link Upstream.exchange}. */
  async exchange(query: Uint8Array, context: ExchangeContext): Promise<Uint8Array> {
    const response = await this.upstream.exchange(query, context);
    this.#recordAnswer();
    return response;
  }

  /** Records that a query sent at `sentAtMs` was not answered in its share of the time. */
  recordTimeout(sentAtMs: number): void {
    // Without an open connection it cannot have received the query. Connecting has its own back-off.
    if (this.isDown || this.hasAnsweredSince(sentAtMs) || this.upstream.openConnections === 0) return;
    if (++this.#timeouts < TIMEOUTS_TO_MARK_DOWN) return;
    const { clock, events } = this.#components;
    this.#downSince = clock.now();
    this.#failedProbes = 0;
    this.#nextProbeAt = this.#downSince;
    events?.markedDown();
  }

  /** Sends a probe if the upstream is down and one is due. Called for each query, so an idle machine sends none. */
  probeIfDue(): void {
    const { clock, random } = this.#components;
    if (!this.isDown || this.#isProbing || clock.now() < this.#nextProbeAt) return;
    this.#isProbing = true;
    this.exchange(PROBE_QUERY, { deadline: Deadline.after(clock, P99_RESPONSE_MS) })
      .catch(() => (this.#nextProbeAt = clock.now() + drawPauseMs(PROBE_PAUSES, this.#failedProbes++, random)))
      .finally(() => (this.#isProbing = false));
  }

  #recordAnswer(): void {
    const { clock, events } = this.#components;
    this.#answeredAt = clock.now();
    this.#timeouts = 0;
    if (this.#downSince === undefined) return;
    const durationMs = this.#answeredAt - this.#downSince;
    this.#downSince = undefined;
    events?.recovered(durationMs);
  }
}
