import type { ErrorCode } from '../failures/failures.ts';
import { LOCAL_GROUP } from '../model/client-group.ts';

/** The limits on queries in flight. */
export interface AdmissionInit {
  /** Maximum queries in flight over all clients; at least 1. */
  readonly maxInFlight: number;
  /**
   * Maximum per client; at least 1. The programs of this machine together may have half of all slots, if that is more.
   */
  readonly maxInFlightPerClient: number;
}

/** Held by a query while it waits for the upstream. */
export interface Slot {
  readonly group: string;
  /** Called when the slot goes to another query. Its query must stop waiting. */
  readonly onPreempt: () => void;
}

/**
 * Bounds the queries that wait for the upstream, in total and per client. Neither an outage nor a few greedy clients
 * can exhaust memory or take the slots of others. Answers from the cache or from policy need no slot.
 *
 * Once half of the slots are taken, the rule is stricter. A client that has at least as many slots as are free gets
 * another only by preempting the oldest query of the client with most. So N greedy clients get 1/(N + 1) of the slots
 * each, and as many stay free, in any order of arrival. When no slot is free, a client without any gets one this way
 * too.
 */
export class Admission {
  readonly #init: AdmissionInit;
  /** The slots of each client, oldest first. */
  readonly #byGroup = new Map<string, Set<Slot>>();
  #inFlight = 0;

  constructor(init: AdmissionInit) {
    this.#init = init;
  }

  /**
   * Takes a slot, to be returned by {@link release}, or returns why the client gets none.
   * @param group the client (clientGroup)
   */
  admit(group: string, onPreempt: () => void): Slot | ErrorCode {
    const { maxInFlight } = this.#init;
    const ofClient = this.#byGroup.get(group)?.size ?? 0;
    if (ofClient >= this.#limitOf(group)) return 'ERR_IN_FLIGHT_CLIENT';
    const free = maxInFlight - this.#inFlight;
    const load = this.#loadOf(group);
    const isScarce = free === 0 || (load > 0 && free <= maxInFlight / 2 && load >= free);
    if (isScarce && !this.#preempt(load + 1)) return load > 0 ? 'ERR_IN_FLIGHT_CLIENT' : 'ERR_IN_FLIGHT';
    const slot: Slot = { group, onPreempt };
    const slots = this.#byGroup.get(group) ?? new Set();
    this.#byGroup.set(group, slots.add(slot));
    this.#inFlight++;
    return slot;
  }

  /** Returns a slot. Safe for one that was preempted. */
  release(slot: Slot): void {
    const slots = this.#byGroup.get(slot.group);
    if (slots?.delete(slot) !== true) return;
    this.#inFlight--;
    if (slots.size === 0) this.#byGroup.delete(slot.group);
  }

  #limitOf(group: string): number {
    const { maxInFlight, maxInFlightPerClient } = this.#init;
    return group === LOCAL_GROUP ? Math.max(maxInFlightPerClient, Math.floor(maxInFlight / 2)) : maxInFlightPerClient;
  }

  /** The client's slots that count for preemption. Half of all slots are reserved for this machine and do not count. */
  #loadOf(group: string): number {
    const reserved = group === LOCAL_GROUP ? Math.floor(this.#init.maxInFlight / 2) : 0;
    return Math.max(0, (this.#byGroup.get(group)?.size ?? 0) - reserved);
  }

  /** Preempts the oldest query of the client with most slots. Returns false if no client has more than `load`. */
  #preempt(load: number): boolean {
    let most: string | undefined;
    for (const group of this.#byGroup.keys()) {
      const other = this.#loadOf(group);
      if (other > load) [most, load] = [group, other];
    }
    for (const oldest of this.#byGroup.get(most ?? '') ?? []) {
      this.release(oldest);
      oldest.onPreempt();
      return true;
    }
    return false;
  }
}
