import { Dns4torError, toDns4torError } from '../../failures/errors.ts';
import { failureKind } from '../../failures/failures.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Random } from '../../lib/random.ts';
import type { Route } from '../../model/route.ts';
import type { RouteStatus } from '../../model/route-status.ts';
import { isRefusal } from '../transport/validate-response.ts';
import type { ExchangeContext, Upstream } from '../upstream.ts';
import { LocalServer, type LocalServerEvents } from './local-server.ts';
import type { RouteTable } from './route-table.ts';

interface RoutedUpstreamComponents {
  readonly clock: Clock;
  readonly random: Random;
  /** Receives changes of the servers' health, for logging. */
  readonly createEvents?: (route: string) => LocalServerEvents;
  /** Carries every query that no route covers. Owned from here on. */
  readonly tor: Upstream;
}

/** Maximum exchanges of all routes together. Each has one socket. */
const MAX_IN_FLIGHT = 256;

/**
 * Time for a server if there is another one to try. A query that the server itself has to forward may take longer than
 * a local answer, so it is about the time after which clients ask again.
 */
const SERVER_MS = 2000;

/** Time for the last server. glibc's stub resolver asks again after 5 s, so the client learns of the failure before. */
const LAST_SERVER_MS = 4500;

/** A route with its servers and the outcomes of its queries. */
interface LiveRoute {
  readonly route: Route;
  readonly servers: readonly LocalServer[];
  /** Number of queries by outcome: `ok`, or the label of the failure. */
  readonly outcomes: Map<string, number>;
}

/**
 * Sends each query where its name belongs: to the servers of the route that covers it, or through Tor. There is no
 * fallback in either direction, so names of a company never reach Tor, and other names never reach the local network.
 */
export class RoutedUpstream implements Upstream {
  readonly address: string;
  readonly #components: RoutedUpstreamComponents;
  readonly #network: { readonly clock: Clock; readonly random: Random; readonly closers: Set<() => void> };
  #table: RouteTable;
  #live: ReadonlyMap<Route, LiveRoute> = new Map();
  #inFlight = 0;
  #isDisposed = false;

  constructor(components: RoutedUpstreamComponents, table: RouteTable) {
    this.#components = components;
    this.address = components.tor.address;
    this.#network = { clock: components.clock, random: components.random, closers: new Set() };
    this.#table = table;
    this.#live = this.#revive(table);
  }

  /** The routes in use. */
  get table(): RouteTable {
    return this.#table;
  }

  /** The state of each route, in the configured order. */
  get routes(): readonly RouteStatus[] {
    return [...this.#live.values()].map(({ route: { suffix }, servers, outcomes }) => ({
      suffix,
      servers: servers.map(({ address, failure }) => ({ address, failure })),
      outcomes,
    }));
  }

  /**
   * Uses other routes from now on. Queries in flight end as they began. A route with the same suffix keeps its counts.
   */
  replace(table: RouteTable): void {
    this.#live = this.#revive(table);
    this.#table = table;
  }

  exchange(query: Uint8Array, context: ExchangeContext): Promise<Uint8Array> {
    const route = this.#table.routeOf(query);
    // Leak mutation: route
    const live = route === undefined ? undefined : this.#live.get(route);
    return live === undefined ? this.#components.tor.exchange(query, context) : this.#askRoute(live, query, context);
  }

  async #askRoute(live: LiveRoute, query: Uint8Array, context: ExchangeContext): Promise<Uint8Array> {
    try {
      if (this.#isDisposed) throw new Dns4torError('ERR_SHUTDOWN');
      if (this.#inFlight >= MAX_IN_FLIGHT) throw new Dns4torError('ERR_QUEUE_FULL');
      this.#inFlight++;
      try {
        const response = await this.#askServers(live.servers, query, context);
        count(live.outcomes, 'ok');
        return response;
      } finally {
        this.#inFlight--;
      }
    } catch (thrown) {
      count(live.outcomes, failureKind(toDns4torError(thrown).code).label);
      // Leak mutation: fallback
      throw thrown;
    }
  }

  /**
   * Asks one server after the other, those that failed a moment ago last, until one answers with anything but SERVFAIL
   * or REFUSED. If none does, such an answer is better than none.
   */
  async #askServers(
    servers: readonly LocalServer[],
    query: Uint8Array,
    { deadline, onAnswer }: ExchangeContext,
  ): Promise<Uint8Array> {
    const { clock } = this.#components;
    const ordered = [...servers.filter(({ isResting }) => !isResting), ...servers.filter(({ isResting }) => isResting)];
    let refusal: Uint8Array | undefined;
    let failure: unknown;
    for (const [index, server] of ordered.entries()) {
      const isLast = index === ordered.length - 1;
      const sentAt = clock.now();
      try {
        const response = await server.exchange(query, deadline.within(isLast ? LAST_SERVER_MS : SERVER_MS));
        if (isRefusal(response)) refusal = response;
        if (!isRefusal(response) || (isLast && refusal !== undefined)) {
          onAnswer?.({ upstream: `dns://${server.address}`, sentAt, secondTry: index > 0 });
          return response;
        }
      } catch (thrown) {
        failure = thrown;
        if (deadline.expired || this.#isDisposed) break;
      }
    }
    if (refusal !== undefined) return refusal;
    throw failure;
  }

  #revive({ routes }: RouteTable): ReadonlyMap<Route, LiveRoute> {
    const { createEvents } = this.#components;
    const known = new Map([...this.#live].map(([{ suffix }, live]) => [suffix, live]));
    return new Map(
      routes.map((route) => {
        const events = createEvents?.(route.suffix);
        const servers = route.servers.map((server) => new LocalServer({ ...this.#network, events }, server));
        return [route, { route, servers, outcomes: known.get(route.suffix)?.outcomes ?? new Map() }];
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    for (const close of this.#network.closers) close();
    await this.#components.tor[Symbol.asyncDispose]();
  }
}

function count(outcomes: Map<string, number>, outcome: string): void {
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
}
