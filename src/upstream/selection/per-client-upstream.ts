import type { BreakerState, ConnectionStatus } from '../../model/upstream-status.ts';
import type { Clock, Timer } from '../../lib/clock.ts';
import { Dns4torError } from '../../failures/errors.ts';
import type { ErrorCode } from '../../failures/failures.ts';
import type { PooledUpstream, ExchangeContext } from '../upstream.ts';

export interface PerClientUpstreamComponents {
  readonly clock: Clock;
  /** Makes the same upstream once more, with circuits of its own. */
  readonly createUpstream: () => PooledUpstream;
}

export interface PerClientUpstreamInit {
  /** The resolver's URL, for logs. */
  readonly address: string;
  /** How long a client's circuits are kept without a query of its own. */
  readonly idleMs: number;
}

/** Clients that have circuits at a time. A household has fewer; each costs as many connections as there are circuits. */
const MAX_CLIENTS = 32;

/** What one client has. */
interface Share {
  /** Undefined while only dns4tor itself has asked. */
  client: string | undefined;
  readonly upstream: PooledUpstream;
  running: number;
  /** Ends it, while nothing runs. */
  idle: Timer | undefined;
}

/**
 * One resolver, with circuits for each client by itself: no circuit carries queries of two, so that none shows the resolver, or a relay,
 * that both use the same machine.
 *
 * dns4tor's own queries, which are the same for everybody, go over whichever circuits were used last. Those that have carried nothing else
 * are the next new client's, so that the first one finds them open.
 */
export class PerClientUpstream implements PooledUpstream {
  readonly address: string;
  readonly #components: PerClientUpstreamComponents;
  readonly #idleMs: number;
  /** The least recently used first. */
  readonly #shares = new Map<string | undefined, Share>();
  #disposed = false;

  constructor(components: PerClientUpstreamComponents, init: PerClientUpstreamInit) {
    this.address = init.address;
    this.#components = components;
    this.#idleMs = init.idleMs;
  }

  get openConnections(): number {
    return this.#sum(({ upstream }) => upstream.openConnections);
  }

  get queueDepth(): number {
    return this.#sum(({ upstream }) => upstream.queueDepth);
  }

  get breakerStates(): readonly BreakerState[] {
    return [...this.#shares.values()].flatMap(({ upstream }) => upstream.breakerStates);
  }

  get connections(): readonly ConnectionStatus[] {
    return [...this.#shares.values()].flatMap(({ upstream }) => upstream.connections);
  }

  /** That of the client who asked last. */
  get failure(): ErrorCode | undefined {
    return [...this.#shares.values()].at(-1)?.upstream.failure;
  }

  get alternatives(): number {
    // Each client learns them for itself, but they are the same: a sum would count clients.
    return Math.max(0, ...[...this.#shares.values()].map(({ upstream }) => upstream.alternatives ?? 0));
  }

  renewAll(): void {
    for (const { upstream } of this.#shares.values()) upstream.renewAll();
  }

  /** Rejects with ERR_CLIENTS, too, when every client that has circuits waits for an answer and this one has none. */
  async exchange(query: Uint8Array, context: ExchangeContext): Promise<Uint8Array> {
    if (this.#disposed) throw new Dns4torError('ERR_SHUTDOWN');
    const share = this.#shareOf(context.client);
    share.running++;
    share.idle?.cancel();
    try {
      return await share.upstream.exchange(query, context);
    } finally {
      share.running--;
      if (share.running === 0 && !this.#disposed) {
        share.idle = this.#components.clock.schedule(this.#idleMs, () => void this.#discard(share));
      }
    }
  }

  /** What this client asks over, which is then the most recently used. */
  #shareOf(client: string | undefined): Share {
    const share = this.#find(client) ?? this.#create();
    this.#shares.delete(share.client);
    share.client = client ?? share.client;
    this.#shares.set(share.client, share);
    return share;
  }

  #find(client: string | undefined): Share | undefined {
    if (client === undefined) return [...this.#shares.values()].at(-1);
    return this.#shares.get(client) ?? this.#shares.get(undefined);
  }

  #create(): Share {
    if (this.#shares.size >= MAX_CLIENTS) {
      const idle = [...this.#shares.values()].find(({ running }) => running === 0);
      // To end another client's queries would let whoever can forge addresses end them all.
      if (idle === undefined) throw new Dns4torError('ERR_CLIENTS');
      void this.#discard(idle);
    }
    return { client: undefined, upstream: this.#components.createUpstream(), running: 0, idle: undefined };
  }

  async #discard({ client, upstream, idle }: Share): Promise<void> {
    idle?.cancel();
    this.#shares.delete(client);
    await upstream[Symbol.asyncDispose]();
  }

  #sum(count: (share: Share) => number): number {
    return [...this.#shares.values()].reduce((sum, share) => sum + count(share), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    await Promise.all([...this.#shares.values()].map((share) => this.#discard(share)));
  }
}
