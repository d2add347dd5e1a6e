import type { ErrorCode } from '../lib/failures.ts';

export interface AdmissionInit {
  /** Of all clients together; at least 1. */
  readonly maxInFlight: number;
  /** Of one client's address; at least 1. */
  readonly maxInFlightPerClient: number;
}

/**
 * Bounds the queries that wait for the resolver, in all and for each client's address, so that neither an outage nor one program that asks
 * without end takes up the memory or the places of the others. What the cache or policy answers never waits and needs no place.
 */
export class Admission {
  readonly #init: AdmissionInit;
  readonly #byClient = new Map<string, number>();
  #inFlight = 0;

  constructor(init: AdmissionInit) {
    this.#init = init;
  }

  /** Takes a place, which is to be given back by {@link leave}; or says why there is none. */
  enter(client: string): ErrorCode | undefined {
    const ofClient = this.#byClient.get(client) ?? 0;
    if (this.#inFlight >= this.#init.maxInFlight) return 'ERR_IN_FLIGHT';
    if (ofClient >= this.#init.maxInFlightPerClient) return 'ERR_IN_FLIGHT_CLIENT';
    this.#inFlight++;
    this.#byClient.set(client, ofClient + 1);
    return undefined;
  }

  leave(client: string): void {
    const ofClient = this.#byClient.get(client) ?? 0;
    this.#inFlight--;
    if (ofClient > 1) this.#byClient.set(client, ofClient - 1);
    else this.#byClient.delete(client);
  }
}
