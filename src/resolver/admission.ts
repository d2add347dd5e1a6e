import { LOCAL_GROUP } from '../model/client-group.ts';
import type { ErrorCode } from '../failures/failures.ts';

export interface AdmissionInit {
  /** Maximum over all clients; at least 1. */
  readonly maxInFlight: number;
  /**
   * Maximum per client; at least 1. The programs of this machine together may have half of all places, if that is more.
   */
  readonly maxInFlightPerClient: number;
}

/** A place held by a query that waits for the resolver. */
export interface Place {
  readonly group: string;
  /** Called when the place goes to another query. This one no longer waits. */
  readonly onGiveWay: () => void;
}

/**
 * Bounds the queries that wait for the resolver, in total and per client. Neither an outage nor a few greedy clients
 * can use up the memory or the places of the others. Answers from the cache or from policy need no place.
 *
 * Once half of the places are taken, a client that has as many as are free, or more, gets another one only from the
 * client with most, which gives up its oldest. So N greedy clients get 1/(N + 1) of the places each, and as many stay
 * free, in whatever order they come. A client with nothing in flight gets a place in the same way if none is free.
 */
export class Admission {
  readonly #init: AdmissionInit;
  /** The places of each client, oldest first. */
  readonly #byGroup = new Map<string, Set<Place>>();
  #inFlight = 0;

  constructor(init: AdmissionInit) {
    this.#init = init;
  }

  /**
   * Takes a place, to be given back by {@link leave}, or returns why there is none.
   * @param group the client (clientGroup)
   */
  enter(group: string, onGiveWay: () => void): Place | ErrorCode {
    const { maxInFlight } = this.#init;
    const ofClient = this.#byGroup.get(group)?.size ?? 0;
    if (ofClient >= this.#limitOf(group)) return 'ERR_IN_FLIGHT_CLIENT';
    const free = maxInFlight - this.#inFlight;
    const load = this.#loadOf(group);
    const isScarce = free === 0 || (load > 0 && free <= maxInFlight / 2 && load >= free);
    if (isScarce && !this.#takeFromMost(load + 1)) return load > 0 ? 'ERR_IN_FLIGHT_CLIENT' : 'ERR_IN_FLIGHT';
    const place: Place = { group, onGiveWay };
    const places = this.#byGroup.get(group) ?? new Set();
    this.#byGroup.set(group, places.add(place));
    this.#inFlight++;
    return place;
  }

  /** Safe for a place that was given up. */
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

  /** The places of a client as they count when one must give way. Half of all places are reserved for this machine. */
  #loadOf(group: string): number {
    const reserved = group === LOCAL_GROUP ? Math.floor(this.#init.maxInFlight / 2) : 0;
    return Math.max(0, (this.#byGroup.get(group)?.size ?? 0) - reserved);
  }

  /** Takes the oldest place from the client with most. Returns false if no client has more than `load`. */
  #takeFromMost(load: number): boolean {
    let most: string | undefined;
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
