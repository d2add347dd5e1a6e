import { LOCAL_GROUP } from '../lib/client-group.ts';
import type { ErrorCode } from '../lib/failures.ts';

export interface AdmissionInit {
  /** Of all clients together; at least 1. */
  readonly maxInFlight: number;
  /** Of one client; at least 1. The programs of this machine together may have half of all, if that is more. */
  readonly maxInFlightPerClient: number;
}

/** What a query that waits for the resolver has. */
export interface Place {
  readonly group: string;
  /** Another gets this place: the query waits no longer. */
  readonly onGiveWay: () => void;
}

/**
 * Bounds the queries that wait for the resolver, in all and for each client, so that neither an outage nor a few clients that ask without
 * end take up the memory or the places of the others. What the cache or policy answers never waits and needs no place.
 *
 * Once half of the places are taken, a client may have no more than are still free: of N greedy clients each gets one part in N + 1, and one
 * part is left. Who has nothing in flight gets a place even if none is free, as long as somebody has two: the client with most gives one up.
 */
export class Admission {
  readonly #init: AdmissionInit;
  /** Of each client that waits, the oldest first. */
  readonly #byGroup = new Map<string, Set<Place>>();
  #inFlight = 0;

  constructor(init: AdmissionInit) {
    this.#init = init;
  }

  /**
   * Takes a place, which is to be given back by {@link leave}; or says why there is none.
   * @param group whose query it is (clientGroup)
   */
  enter(group: string, onGiveWay: () => void): Place | ErrorCode {
    const { maxInFlight } = this.#init;
    const ofClient = this.#byGroup.get(group)?.size ?? 0;
    if (ofClient >= this.#limitOf(group)) return 'ERR_IN_FLIGHT_CLIENT';
    const free = maxInFlight - this.#inFlight;
    const load = this.#loadOf(group);
    if (load > 0 && free <= maxInFlight / 2 && load >= free) return 'ERR_IN_FLIGHT_CLIENT';
    if (free === 0 && !this.#takeFromMost()) return 'ERR_IN_FLIGHT';
    const place: Place = { group, onGiveWay };
    const places = this.#byGroup.get(group) ?? new Set();
    this.#byGroup.set(group, places.add(place));
    this.#inFlight++;
    return place;
  }

  /** Harmless for a place that was given up. */
  leave(place: Place): void {
    const places = this.#byGroup.get(place.group);
    if (places?.delete(place) !== true) return;
    this.#inFlight--;
    if (places.size === 0) this.#byGroup.delete(place.group);
  }

  #limitOf(group: string): number {
    const { maxInFlight, maxInFlightPerClient } = this.#init;
    return group === LOCAL_GROUP ? Math.max(maxInFlightPerClient, Math.floor(maxInFlight / 2)) : maxInFlightPerClient;
  }

  /** What a client has, as it counts when somebody must give way: half of all places are this machine's whenever its programs need them. */
  #loadOf(group: string): number {
    const reserved = group === LOCAL_GROUP ? Math.floor(this.#init.maxInFlight / 2) : 0;
    return Math.max(0, (this.#byGroup.get(group)?.size ?? 0) - reserved);
  }

  /** Whether the client with most could give up the place of what has waited longest, and did. */
  #takeFromMost(): boolean {
    let most: string | undefined;
    let load = 1;
    for (const group of this.#byGroup.keys()) {
      const other = this.#loadOf(group);
      if (other > load) [most, load] = [group, other];
    }
    for (const oldest of this.#byGroup.get(most ?? '') ?? []) {
      this.leave(oldest);
      oldest.onGiveWay();
      return true;
    }
    return false;
  }
}
