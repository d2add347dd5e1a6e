import { Cache } from '../../src/cache/cache.ts';
import { OPTIONS } from '../../src/config/options.ts';
import { ReadinessMonitor } from '../../src/daemon/readiness.ts';
import { EDE } from '../../src/failures/failures.ts';
import type { Clock } from '../../src/lib/clock.ts';
import type { Random } from '../../src/lib/random.ts';
import { rcodeOf } from '../../src/message/wire/header.ts';
import { RCODE } from '../../src/message/wire/tables.ts';
import type { CounterTable } from '../../src/metrics/counter-table.ts';
import { type Counters, createCounters } from '../../src/metrics/counters.ts';
import type { Handler, Query } from '../../src/model/query.ts';
import { Policy } from '../../src/policy/policy.ts';
import { createPipeline } from '../../src/resolver/pipeline.ts';
import type { Tor } from '../../src/tor/tor.ts';
import { RetryBudget } from '../../src/upstream/pool/retry-budget.ts';
import { handleWith } from '../../test/fixtures/dns/replies.ts';
import { extendedErrorOf } from '../../test/resolver/harness.ts';
import { type Laboratory, TIMEOUT_MS, UPSTREAM_LABEL } from '../laboratory.ts';
import { RefreshWatch } from './refresh-watch.ts';

/**
 * Where a client's answer came from. `refreshed`: the cache, after a prefetch. `stale`: the cache, expired. `failed`:
 * an error, or no reply.
 */
export type Source = 'cached' | 'refreshed' | 'stale' | 'upstream' | 'failed';

/** The outcome of one query, as its client sees it. */
export interface ClientView {
  readonly source: Source;
  readonly durationMs: number;
}

export interface ResolverMode {
  readonly label: string;
  /** `--serve-stale`; 0 turns it off. */
  readonly maxStaleMs: number;
  /** `--prefetch`. */
  readonly prefetch: boolean;
  /** `--circuits`. @default that option's default */
  readonly circuits?: number;
}

/** The defaults of the options. */
const CIRCUITS = Number(OPTIONS.circuits.default);
const CACHE_BYTES = 16 << 20;
const LIMITS = { maxInFlight: 1024, maxInFlightPerClient: 256 } as const;

export interface HouseholdResolverComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly laboratory: Laboratory;
  readonly socks: Tor['socks'];
}

/** The parts that the daemon puts behind its listeners, for one household. */
export class HouseholdResolver implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #readiness: ReadinessMonitor;
  readonly #watch: RefreshWatch;
  readonly #handle: Handler;

  constructor(
    { clock, random, laboratory, socks }: HouseholdResolverComponents,
    { maxStaleMs, prefetch, circuits = CIRCUITS }: ResolverMode,
  ) {
    this.#clock = clock;
    this.#counters = createCounters([UPSTREAM_LABEL], circuits);
    const budget = new RetryBudget();
    const pool = laboratory.connect({ clock, random, metrics: this.#counters, budget }, socks, circuits);
    this.#readiness = new ReadinessMonitor(clock, pool);
    this.#watch = new RefreshWatch(this.#readiness);
    const cache = new Cache({ clock, random, metrics: this.#counters }, { maxBytes: CACHE_BYTES, maxStaleMs });
    const policy = new Policy({ deniesUndelegated: true, removesPrivate: true });
    this.#handle = createPipeline(
      { cache, upstream: this.#watch, clock, metrics: this.#counters, policy: () => policy, budget },
      { timeoutMs: TIMEOUT_MS, prefetch, ...LIMITS },
    );
  }

  /** Resolves when the connection is open. */
  async ready(): Promise<void> {
    await this.#readiness.firstAnswer();
  }

  /** Prefetches sent. */
  get refreshes(): number {
    return sent(this.#counters.totals.prefetches);
  }

  /** Hedged queries sent. */
  get hedges(): number {
    return sent(this.#counters.totals.hedges);
  }

  async ask(query: Query): Promise<ClientView> {
    const arrivedAt = this.#clock.now();
    const reply = this.#watch.ask((one) => handleWith(this.#handle, one), { ...query, arrivedAt });
    const fromCache = !(reply instanceof Promise);
    const fresh = !fromCache ? 'upstream' : this.#watch.wasRefreshed(query) ? 'refreshed' : 'cached';
    const bytes = await reply;
    return { source: failureOf(bytes) ?? fresh, durationMs: this.#clock.now() - arrivedAt };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watch[Symbol.asyncDispose]();
  }
}

function sent(events: CounterTable): number {
  const counted = events.entries().filter(({ labels }) => labels['event'] === 'sent');
  return counted.reduce((total, { count }) => total + count, 0);
}

/** Reads from a reply whether it failed or is stale. */
function failureOf(reply: Uint8Array): 'failed' | 'stale' | undefined {
  if (reply.length === 0) return 'failed';
  const rcode = rcodeOf(reply);
  if (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN) return 'failed';
  const code = extendedErrorOf(reply)?.code;
  return code === EDE.staleAnswer || code === EDE.staleNxdomain ? 'stale' : undefined;
}
