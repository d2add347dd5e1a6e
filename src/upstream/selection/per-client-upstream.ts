import { Dns4torError } from '../../failures/errors.ts';
import type { ErrorCode } from '../../failures/failures.ts';
import type { Clock, Timer } from '../../lib/clock.ts';
import type { BreakerState, ConnectionStatus } from '../../model/upstream-status.ts';
import type { ExchangeContext, PooledUpstream } from '../upstream.ts';

interface PerClientUpstreamComponents {
  readonly clock: Clock;
  /** Creates a connection pool to the resolver. */
  readonly createPool: () => PooledUpstream;
}

interface PerClientUpstreamInit {
  /** The resolver's URL, for logs. */
  readonly address: string;
  /** How long a client's pool is kept without a query, in milliseconds. */
  readonly idleMs: number;
}

/** Maximum number of pools. A household has fewer clients, and each pool costs several connections. */
const MAX_POOLS = 32;

interface ClientPool {
  /** Undefined while the pool has carried only dns4tor's own queries. */
  client: string | undefined;
  readonly pool: PooledUpstream;
  /** Queries whose exchange has not ended. */
  pending: number;
  /** Runs while no query is pending, and discards the pool. */
  idleTimer: Timer | undefined;
}

/**
 * One resolver with a connection pool for each client (`--isolate client`). No connection, and hence no circuit,
 * carries queries of two clients, so neither the resolver nor a relay can see that both use the same machine.
 *
 * dns4tor's own queries are the same on every machine. They use the most recently used pool. A pool that has carried no
 * other queries is given to the next new client, so that the first client finds open connections.
 */
export class PerClientUpstream implements PooledUpstream {
  readonly address: string;
  readonly #components: PerClientUpstreamComponents;
  readonly #idleMs: number;
  /** Pools by client, least recently used first. */
  readonly #pools = new Map<string | undefined, ClientPool>();
  #isDisposed = false;

  constructor(components: PerClientUpstreamComponents, init: PerClientUpstreamInit) {
    this.address = init.address;
    this.#components = components;
    this.#idleMs = init.idleMs;
  }

  get openConnections(): number {
    return this.#sum(({ pool }) => pool.openConnections);
  }

  get queueDepth(): number {
    return this.#sum(({ pool }) => pool.queueDepth);
  }

  get breakerStates(): readonly BreakerState[] {
    return [...this.#pools.values()].flatMap(({ pool }) => pool.breakerStates);
  }

  get connections(): readonly ConnectionStatus[] {
    return [...this.#pools.values()].flatMap(({ pool }) => pool.connections);
  }

  /** The failure of the most recently used pool. */
  get failure(): ErrorCode | undefined {
    return [...this.#pools.values()].at(-1)?.pool.failure;
  }

  get alternatives(): number {
    // Each pool discovers the same alternatives by itself, so a sum would count clients.
    return Math.max(0, ...[...this.#pools.values()].map(({ pool }) => pool.alternatives ?? 0));
  }

  renewAll(): void {
    for (const { pool } of this.#pools.values()) pool.renewAll();
  }

  /** See {@link Upstream.exchange}. Also rejects with ERR_CLIENTS if the client has no pool and all pools are busy. */
  async exchange(query: Uint8Array, context: ExchangeContext): Promise<Uint8Array> {
    if (this.#isDisposed) throw new Dns4torError('ERR_SHUTDOWN');
    const entry = this.#poolOf(context.client);
    entry.pending++;
    entry.idleTimer?.cancel();
    try {
      return await entry.pool.exchange(query, context);
    } finally {
      entry.pending--;
      if (entry.pending === 0 && !this.#isDisposed) {
        entry.idleTimer = this.#components.clock.schedule(this.#idleMs, () => void this.#discard(entry));
      }
    }
  }

  /** Returns the client's pool and marks it as the most recently used. */
  #poolOf(client: string | undefined): ClientPool {
    const entry = this.#find(client) ?? this.#create();
    this.#pools.delete(entry.client);
    entry.client = client ?? entry.client;
    this.#pools.set(entry.client, entry);
    return entry;
  }

  #find(client: string | undefined): ClientPool | undefined {
    if (client === undefined) return [...this.#pools.values()].at(-1);
    return this.#pools.get(client) ?? this.#pools.get(undefined);
  }

  #create(): ClientPool {
    if (this.#pools.size >= MAX_POOLS) {
      const idle = [...this.#pools.values()].find(({ pending }) => pending === 0);
      // Only an idle pool is discarded. Otherwise a client with forged addresses could abort the queries of all others.
      if (idle === undefined) throw new Dns4torError('ERR_CLIENTS');
      void this.#discard(idle);
    }
    return { client: undefined, pool: this.#components.createPool(), pending: 0, idleTimer: undefined };
  }

  async #discard({ client, pool, idleTimer }: ClientPool): Promise<void> {
    idleTimer?.cancel();
    this.#pools.delete(client);
    await pool[Symbol.asyncDispose]();
  }

  #sum(count: (entry: ClientPool) => number): number {
    return [...this.#pools.values()].reduce((sum, entry) => sum + count(entry), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await Promise.all([...this.#pools.values()].map((entry) => this.#discard(entry)));
  }
}
