import { type BackOff, drawPauseMs } from '../../lib/back-off.ts';
import type { Clock } from '../../lib/clock.ts';
import { Deadline } from '../../lib/deadline.ts';
import type { Random } from '../../lib/random.ts';
import { PROBE_QUERY } from '../../message/upstream-query.ts';
import type { ExchangeContext, Upstream } from '../upstream.ts';

/** Unanswered queries, with nothing answered since, after which an upstream is down. One may be chance. */
const SILENT_QUERIES = 2;

/** The pause after a probe that failed. Probes are cheap, but each costs a down resolver's relays a stream. */
const PROBE_PAUSES: BackOff = { firstMs: 1000, longestMs: 30_000 };

/** The onion path's published p99 is 9.1 s. */
const PROBE_MS = 10_000;

/** What becomes of one of several upstreams, for logging. */
export interface HealthEvents {
  /** It accepts connections but answers nothing: the others are asked before it from now on. */
  markedDown(): void;
  /** It answers again, `durationMs` after it was passed over. */
  recovered(durationMs: number): void;
}

export interface HealthCheckedUpstreamComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly events?: HealthEvents | undefined;
}

/** One of several upstreams. Its connections can be counted where it has any of its own. */
export type CountedUpstream = Upstream & { readonly openConnections?: number };

/** One of several upstreams, and whether it answers. */
export class HealthCheckedUpstream {
  readonly upstream: CountedUpstream;
  readonly #components: HealthCheckedUpstreamComponents;
  #answeredAt = -Infinity;
  /** Without an answer in between. */
  #silentQueries = 0;
  #downSince: number | undefined;
  #isProbing = false;
  #probesFailed = 0;
  #probeAt = 0;

  /** @param upstream owned by the caller */
  constructor(components: HealthCheckedUpstreamComponents, upstream: CountedUpstream) {
    this.#components = components;
    this.upstream = upstream;
  }

  /** Whether it accepts connections but answers nothing. */
  get isDown(): boolean {
    return this.#downSince !== undefined;
  }

  /** Whether any answer has come since then, on the monotonic clock. */
  hasAnsweredSince(sinceMs: number): boolean {
    return this.#answeredAt >= sinceMs;
  }

  /** As {@link Upstream.exchange}. */
  async exchange(query: Uint8Array, context: ExchangeContext): Promise<Uint8Array> {
    const response = await this.upstream.exchange(query, context);
    this.#answered();
    return response;
  }

  /** A query sent at `sentAtMs` was not answered in its share of the time. */
  unanswered(sentAtMs: number): void {
    // Without a connection it cannot have read the query. Connecting has a back-off of its own.
    if (this.isDown || this.hasAnsweredSince(sentAtMs) || this.upstream.openConnections === 0) return;
    if (++this.#silentQueries < SILENT_QUERIES) return;
    const { clock, events } = this.#components;
    this.#downSince = clock.now();
    this.#probesFailed = 0;
    this.#probeAt = this.#downSince;
    events?.markedDown();
  }

  /** Probes it if it is down and a probe is due. To be called for each query, so that an idle machine sends nothing. */
  probeIfDue(): void {
    const { clock, random } = this.#components;
    if (!this.isDown || this.#isProbing || clock.now() < this.#probeAt) return;
    this.#isProbing = true;
    this.exchange(PROBE_QUERY, { deadline: Deadline.after(clock, PROBE_MS) })
      .catch(() => (this.#probeAt = clock.now() + drawPauseMs(PROBE_PAUSES, this.#probesFailed++, random)))
      .finally(() => (this.#isProbing = false));
  }

  #answered(): void {
    const { clock, events } = this.#components;
    this.#answeredAt = clock.now();
    this.#silentQueries = 0;
    if (this.#downSince === undefined) return;
    const durationMs = this.#answeredAt - this.#downSince;
    this.#downSince = undefined;
    events?.recovered(durationMs);
  }
}
