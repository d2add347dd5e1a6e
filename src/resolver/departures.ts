import { LOCAL_GROUP } from '../model/client-group.ts';
import type { Clock, Timer } from '../lib/clock.ts';

/** A question to be sent upstream. */
export interface Passenger {
  /** Whether a client waits for the answer. */
  readonly awaited: boolean;
  /** Gives it up. The clients that wait for it are told that they ask too much. */
  giveUp(): void;
}

export interface DeparturesInit {
  /** Maximum questions in flight, as far as known now; at least 1. */
  readonly capacity: () => number;
}

/** How long a client with waiting questions waits before the client with most in flight gives some up for it. */
const PATIENCE_MS = 300;

/** The questions of one client. */
interface Group<T> {
  /** In flight, oldest first. */
  readonly departed: Set<T>;
  /** Longest waiting first, each with the function that sends it. */
  readonly waiting: Map<T, () => void>;
  /** Number of questions in flight that do not count when one must give way. */
  readonly reserved: () => number;
}

/**
 * Sends questions upstream, no more at a time than it carries. While others wait, the client with fewest in flight is
 * next. A client with few questions does not wait long behind one whose many questions get no answer: for it, a
 * question that nobody waits for is given up at once, and after {@link PATIENCE_MS} the oldest questions of the client
 * with most, until both have the same share.
 */
export class Departures<T extends Passenger> {
  readonly #clock: Clock;
  readonly #init: DeparturesInit;
  readonly #groups = new Map<string, Group<T>>();
  readonly #groupOf = new Map<T, string>();
  #departed = 0;
  #waiting = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock, init: DeparturesInit) {
    this.#clock = clock;
    this.#init = init;
  }

  /** Whether a new question would have to wait. */
  get full(): boolean {
    return this.#waiting > 0 || this.#departed >= this.#init.capacity();
  }

  /** Whether it has not been sent yet. */
  isWaiting(passenger: T): boolean {
    const group = this.#groups.get(this.#groupOf.get(passenger) ?? '');
    return group?.waiting.has(passenger) === true;
  }

  /**
   * Calls `depart` when it is the question's turn, which may be at once. Never calls it if the question ends before.
   * @param name the client (clientGroup)
   */
  enter(name: string, passenger: T, depart: () => void): void {
    const group = this.#groups.get(name) ?? this.#create(name);
    this.#groups.set(name, group);
    this.#groupOf.set(passenger, name);
    group.waiting.set(passenger, depart);
    this.#waiting++;
    this.#departNext(passenger);
    if (this.#waiting > 0) this.#giveUpUnawaited(passenger);
    this.#watch();
  }

  /**
   * Another client waits for the same question. If that client has fewer in flight, the question counts as its own from
   * now on.
   */
  join(name: string, passenger: T): void {
    const former = this.#groupOf.get(passenger) ?? name;
    const depart = this.#groups.get(former)?.waiting.get(passenger);
    if (depart === undefined || former === name) return;
    if (this.#loadOf(this.#groups.get(name)) >= this.#loadOf(this.#groups.get(former))) return;
    this.#remove(passenger);
    this.enter(name, passenger, depart);
  }

  /** The question was answered, failed or was given up. Safe for one that never entered. */
  ended(passenger: T): void {
    if (!this.#remove(passenger)) return;
    this.#departNext();
    this.#watch();
  }

  #create(name: string): Group<T> {
    const reserved = name === LOCAL_GROUP ? (): number => Math.floor(this.#init.capacity() / 2) : (): number => 0;
    return { departed: new Set(), waiting: new Map(), reserved };
  }

  #remove(passenger: T): boolean {
    const name = this.#groupOf.get(passenger);
    const group = this.#groups.get(name ?? '');
    if (name === undefined || group === undefined) return false;
    this.#groupOf.delete(passenger);
    if (group.departed.delete(passenger)) this.#departed--;
    if (group.waiting.delete(passenger)) this.#waiting--;
    if (group.departed.size === 0 && group.waiting.size === 0) this.#groups.delete(name);
    return true;
  }

  /** @param entering the question that has just come, for which no client can wait yet */
  #departNext(entering?: T): void {
    while (this.#departed < this.#init.capacity()) {
      const next = this.#least();
      const [first] = next?.waiting ?? [];
      if (next === undefined || first === undefined) return;
      const [passenger, depart] = first;
      if (passenger !== entering && !passenger.awaited) {
        this.#remove(passenger);
        passenger.giveUp();
        continue;
      }
      next.waiting.delete(passenger);
      next.departed.add(passenger);
      this.#waiting--;
      this.#departed++;
      depart();
    }
  }

  /** Of the clients with waiting questions, the one with fewest in flight. */
  #least(): Group<T> | undefined {
    let least: Group<T> | undefined;
    for (const group of this.#groups.values()) {
      if (group.waiting.size === 0) continue;
      if (least === undefined || this.#loadOf(group) < this.#loadOf(least)) least = group;
    }
    return least;
  }

  #most(): Group<T> | undefined {
    let most: Group<T> | undefined;
    for (const group of this.#groups.values()) if (this.#loadOf(group) > this.#loadOf(most)) most = group;
    return most;
  }

  #loadOf(group: Group<T> | undefined): number {
    return group === undefined ? 0 : Math.max(0, group.departed.size - group.reserved());
  }

  /**
   * Gives up the oldest question in flight that nobody waits for.
   * @param entering the question that has just come, for which no client can wait yet
   */
  #giveUpUnawaited(entering: T): void {
    for (const passenger of this.#groupOf.keys()) {
      if (passenger === entering || passenger.awaited || this.isWaiting(passenger)) continue;
      this.ended(passenger);
      return passenger.giveUp();
    }
  }

  #watch(): void {
    if (this.#waiting === 0) {
      this.#timer?.cancel();
      this.#timer = undefined;
    } else {
      this.#timer ??= this.#clock.schedule(PATIENCE_MS, () => {
        this.#timer = undefined;
        // The capacity may have grown.
        this.#departNext();
        this.#balance();
        this.#watch();
      });
    }
  }

  /** While a client waits that has clearly fewer in flight, the client with most gives up its oldest question for it. */
  #balance(): void {
    for (let waitingBefore = Infinity; this.#waiting > 0 && this.#waiting < waitingBefore; ) {
      waitingBefore = this.#waiting;
      const [least, most] = [this.#least(), this.#most()];
      if (least === undefined || most === undefined) return;
      if (this.#loadOf(most) - 1 < least.departed.size + 1 - least.reserved()) return;
      const [oldest] = most.departed;
      if (oldest === undefined) return;
      this.ended(oldest);
      oldest.giveUp();
    }
  }
}
