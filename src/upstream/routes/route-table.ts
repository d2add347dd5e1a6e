import { encodeName } from '../../message/wire/codec.ts';
import { HEADER_BYTES } from '../../message/wire/header.ts';
import { lowerCase, octetString, skipPlainName, withAncestors } from '../../message/wire/name.ts';
import type { Route } from '../../model/route.ts';

/** Which names a server on the local network answers. Immutable. The longest matching zone wins. */
export class RouteTable {
  readonly routes: readonly Route[];
  /** Routes by zone, in wire form and lower case, one character per octet. */
  readonly #byZone = new Map<string, Route>();

  /** @param routes at most one per zone */
  constructor(routes: readonly Route[]) {
    this.routes = routes;
    for (const route of routes) {
      for (const zone of route.zones) this.#byZone.set(octetString(encodeName(zone)), route);
    }
  }

  /**
   * Whether a route covers the name.
   * @param name in wire form and lower case, as `octetString` returns it
   */
  covers(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  /** The route of a query's name, in any case. Undefined if the query goes through Tor. */
  routeOf(query: Uint8Array): Route | undefined {
    if (this.#byZone.size === 0) return undefined;
    const end = skipPlainName(query, HEADER_BYTES);
    return this.#find(octetString(query.subarray(HEADER_BYTES, end).map(lowerCase)));
  }

  #find(name: string): Route | undefined {
    if (this.#byZone.size === 0) return undefined;
    for (const zone of withAncestors(name)) {
      const route = this.#byZone.get(zone);
      if (route !== undefined) return route;
    }
    return undefined;
  }
}
