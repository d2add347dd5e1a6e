import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../../config/config.ts';
import type { PreparedAnswer } from '../../message/answer/prepared-answer.ts';
import type { Route } from '../../model/route.ts';
import type { Policy, RouteCover } from '../../policy/policy.ts';
import { RouteTable } from '../../upstream/routes/route-table.ts';
import type { RoutedUpstream } from '../../upstream/routes/routed-upstream.ts';
import type { Apply, Keeps, Reloadable } from './reloader.ts';

interface LocalAnswersComponents {
  readonly routed: Pick<RoutedUpstream, 'table' | 'replace'>;
  /**
   * Builds the policy of a configuration.
   * @throws Dns4torError if a file that it names cannot be used
   */
  readonly loadPolicy: (config: Config, covers: RouteCover) => Promise<Policy>;
  /** Refuses routes that cannot be used. @throws Dns4torError */
  readonly checkRoutes: (routes: readonly Route[]) => void;
}

/**
 * The policy in force and the routes. A reload replaces both together, because the policy spares names with a route.
 */
export class LocalAnswers implements Reloadable {
  readonly #components: LocalAnswersComponents;
  #policy: Policy;

  private constructor(components: LocalAnswersComponents, policy: Policy) {
    this.#components = components;
    this.#policy = policy;
  }

  /** Loads the first policy. @throws Dns4torError if a file that it names cannot be used */
  static async load(components: LocalAnswersComponents, config: Config): Promise<LocalAnswers> {
    const { loadPolicy, routed } = components;
    const { table } = routed;
    return new LocalAnswers(components, await loadPolicy(config, (qname) => table.covers(qname)));
  }

  /** The policy in force. */
  get policy(): Policy {
    return this.#policy;
  }

  /** @throws Dns4torError if a file or a route cannot be used */
  async prepare(config: Config): Promise<Apply> {
    const { routed, loadPolicy, checkRoutes } = this.#components;
    const before = routed.table;
    // The same routes keep what is known of their servers.
    const table = isDeepStrictEqual(config.routes, before.routes) ? before : new RouteTable(config.routes);
    checkRoutes(config.routes);
    const policy = await loadPolicy(config, (qname) => table.covers(qname));
    return () => {
      if (table !== before) routed.replace(table);
      this.#policy = policy;
      const keepsRoute = table === before ? keepsAll : sameServersIn(before, table);
      return (answer) => keepsRoute(answer) && policy.keeps(answer);
    };
  }
}

const keepsAll: Keeps = () => true;

/** Keeps answers that the same servers gave as would be asked now. */
function sameServersIn(before: RouteTable, now: RouteTable): Keeps {
  // Each pair of routes is compared once, not for each answer.
  const twins = new Map(
    before.routes.map((route) => [
      route,
      now.routes.find(({ servers, zones }) =>
        isDeepStrictEqual({ servers, zones }, { servers: route.servers, zones: route.zones }),
      ),
    ]),
  );
  return ({ bytes, start }: PreparedAnswer) => {
    const message = bytes.subarray(start);
    const [earlier, later] = [before.routeOf(message), now.routeOf(message)];
    return earlier === undefined ? later === undefined : later !== undefined && twins.get(earlier) === later;
  };
}
