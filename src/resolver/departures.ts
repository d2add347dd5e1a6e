import { LOCAL_GROUP } from '../lib/client-group.ts';
import type { Clock, Timer } from '../lib/clock.ts';

/** What departs: a question that is asked. */
export interface Passenger {
  /** Whether somebody waits for the answer. */
  readonly awaited: boolean;
  /** It is given up; whoever waits for it is told that its client asks too much. */
  giveUp(): void;
}

export interface DeparturesInit {
  /** Questions that can be under way at a time, as far as is known now; at least 1. */
  readonly capacity: () => number;
}

/** How long a client waits whose questions are not under way, before the client with most gives one up for it. */
const PATIENCE_MS = 300;

/** Of one client. */
interface Group<T> {
  /** Under way, the oldest first. */
  readonly departed: Set<T>;
  /** The longest waiting first. */
  readonly waiting: Map<T, () => void>;
  /** So many under way do not count when somebody must give way. */
  readonly reserved: () => number;
}

/**
 * Lets questions depart for the resolver, no more at a time than it takes. Where more are to be asked, the client that has fewest under way is
 * next. A client with few does not wait long for one with many whose questions get no answer: what nobody waits for is given up at once for
 * it, and after {@link PATIENCE_MS} the oldest question of the client with most.
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

  /** Whether it would wait, if it were to depart now. */
  get full(): boolean {
    return this.#waiting > 0 || this.#departed >= this.#init.capacity();
  }

  /** Whether it has not departed yet. */
  isWaiting(passenger: T): boolean {
    const group = this.#groups.get(this.#groupOf.get(passenger) ?? '');
    return group?.waiting.has(passenger) === true;
  }

  /**
   * Calls `depart` as soon as it is this one's turn, which may be now; never if it ends before.
   * @param name whose it is (clientGroup)
   */
  enter(name: string, passenger: T, depart: () => void): void {
    const group = this.#groups.get(name) ?? this.#create(name);
    this.#groups.set(name, group);
    this.#groupOf.set(passenger, name);
    group.waiting.set(passenger, depart);
    this.#waiting++;
    this.#departNext(passenger);
    if (this.#waiting > 0) this.#giveUpUnawaited();
    this.#watch();
  }

  /** Another client waits for it too. Where that one has fewer under way, it is that one's from here on. */
  join(name: string, passenger: T): void {
    const former = this.#groupOf.get(passenger) ?? name;
    const depart = this.#groups.get(former)?.waiting.get(passenger);
    if (depart === undefined || former === name) return;
    if (this.#loadOf(this.#groups.get(name)) >= this.#loadOf(this.#groups.get(former))) return;
    this.#remove(passenger);
    this.enter(name, passenger, depart);
  }

  /** It is answered, has failed or was given up. Harmless for one that never entered. */
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

  /** @param entering has just come, so that nobody can wait for it yet */
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

  /** Of the clients that wait, the one that has fewest under way. */
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

  /** The oldest question under way that nobody waits for. */
  #giveUpUnawaited(): void {
    for (const passenger of this.#groupOf.keys()) {
      if (passenger.awaited || this.isWaiting(passenger)) continue;
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
        // There may be more room than there was.
        this.#departNext();
        this.#balance();
        this.#watch();
      });
    }
  }

  /** For each client that waits with nothing to speak of under way, the client with most gives up its oldest question. */
  #balance(): void {
    for (const group of this.#groups.values()) {
      if (group.waiting.size === 0) continue;
      const most = this.#most();
      if (most === undefined || this.#loadOf(most) - 1 < group.departed.size + 1 - group.reserved()) continue;
      const [oldest] = most.departed;
      if (oldest === undefined) continue;
      this.ended(oldest);
      oldest.giveUp();
    }
  }
}
