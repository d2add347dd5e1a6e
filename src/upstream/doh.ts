import type { Clock } from '../lib/clock.ts';
import type { Deadline } from '../lib/deadline.ts';
import { Dns4torError, type ErrorCode, toDns4torError } from '../lib/errors.ts';
import { subtractAge } from '../message/age.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { acceptResponse } from './accept.ts';
import type { CircuitUpstream } from './circuit.ts';
import { Connections, type ConnectionsComponents } from './connections.ts';
import type { Session } from './session.ts';

export interface DohUpstreamComponents extends ConnectionsComponents {
  readonly metrics: Metrics;
}

export interface DohUpstreamInit {
  /** The whole URL, whose origin is the server's name for HTTP and TLS. */
  readonly url: string;
  /** At least 1. */
  readonly maxConnections: number;
  /** Its place in the configured order. */
  readonly index: number;
}

/** What may be mended by a new connection: a query that met it is sent once more. */
const RETRIED: ReadonlySet<ErrorCode> = new Set(['ERR_UPSTREAM_CONNECTION', 'ERR_UPSTREAM_STALLED']);

/** A resolver that speaks DNS over HTTPS (RFC 8484) on HTTP/2. */
export class DohUpstream implements CircuitUpstream {
  readonly address: string;
  readonly #path: string;
  readonly #index: number;
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  readonly #connections: Connections;

  constructor(components: DohUpstreamComponents, init: DohUpstreamInit) {
    const { origin, pathname } = new URL(init.url);
    this.address = init.url;
    this.#path = pathname;
    this.#index = init.index;
    this.#clock = components.clock;
    this.#metrics = components.metrics;
    this.#connections = new Connections(components, { origin, maxConnections: init.maxConnections });
  }

  get openConnections(): number {
    return this.#connections.open;
  }

  get free(): number {
    return this.#connections.free;
  }

  get queueDepth(): number {
    return this.#connections.depth;
  }

  warm(): Promise<void> {
    return this.#connections.warm();
  }

  async exchange(query: Uint8Array, deadline: Deadline): Promise<Uint8Array> {
    const startedAt = this.#clock.now();
    try {
      const response = await deadline.limit(this.#tryTwice(query, deadline));
      this.#metrics.exchanged(this.#index, 'ok', this.#clock.now() - startedAt);
      return response;
    } catch (thrown) {
      const error = toDns4torError(thrown);
      this.#metrics.exchanged(this.#index, error.code, this.#clock.now() - startedAt);
      throw error;
    }
  }

  async #tryTwice(query: Uint8Array, deadline: Deadline): Promise<Uint8Array> {
    const attempt = (): Promise<Uint8Array> =>
      this.#connections.withSession(deadline, (session) => this.#request(session, query));
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Dns4torError && RETRIED.has(error.code)) || deadline.expired) throw error;
      return attempt();
    }
  }

  async #request(session: Session, query: Uint8Array): Promise<Uint8Array> {
    const { body, ageSeconds } = await session.request(this.#path, query);
    acceptResponse(query, body);
    if (ageSeconds > 0) subtractAge(body, ageSeconds);
    return body;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connections[Symbol.asyncDispose]();
  }
}
