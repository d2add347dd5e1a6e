import type { Clock, Timer } from '../lib/clock.ts';
import { LOCAL_GROUP } from '../lib/client-group.ts';

/** A connection that has a place. */
export interface Seated {
  /** When a whole message last came or the last answer in flight left, on the monotonic clock; at first, when it was opened. */
  readonly idleSince: number;
  /** Queries are in flight. A message that has begun and not ended does not count. */
  readonly busy: boolean;
  /** Closes it in good order: it has been idle for too long. Harmless where it is being closed already. */
  end(): void;
  /** Closes it at once: its place is another's. */
  giveWay(): void;
}

/** A connection that was accepted and that nobody reads from yet. */
export interface Newcomer<T extends Seated> {
  /** Whose it is (clientGroup). */
  readonly group: string;
  /** Gives it its place. */
  open(): T;
  /** There is no room for it, not even to wait. */
  refuse(bound: 'all' | 'client'): void;
}

export interface TcpPlacesInit {
  /** Connections at a time; at least 1. */
  readonly places: number;
  /** Of one client; at least 1. The programs of this machine together may have all. */
  readonly placesPerClient: number;
  /** How long an idle connection is kept while fewer than half of the places are taken. */
  readonly idleMs: number;
}

/** As the table fills, the idle time shrinks to this: a few round trips of a slow network. */
const MIN_IDLE_MS = 500;

/**
 * Nobody gives way before this time, in which a client that is alive sends its query; nor before so many looks were made, in which the query
 * was read, however busy the event loop is.
 */
const GRACE_MS = 100;
const GRACE_LOOKS = 2;

/** Newcomers that wait for a place, as many as the kernel would have in its backlog (Node's default). */
const MAX_WAITING = 511;

/** A newcomer that has waited so long is refused: its client has given up. */
const MAX_WAIT_MS = 10_000;

/** How often it is looked whether a newcomer that waits can have a place, and, in a table that fills, what has been idle for too long. */
const LOOK_FOR_PLACES_MS = 20;
const LOOK_FOR_IDLE_MS = 100;

interface Group<T extends Seated> {
  readonly name: string;
  /** With the count of looks when each was last used, the longest unused first. */
  readonly seated: Map<T, number>;
  /** With the time of arrival, the longest waiting first. */
  readonly waiting: Map<Newcomer<T>, number>;
  /** At most so many places. */
  readonly limit: number;
  /** So many of its places are not counted when somebody must give way. */
  readonly reserved: number;
}

/**
 * The places of a listener's TCP connections, shared out among clients (RFC 7766 §6.2.2, RFC 9210 §4.4).
 *
 * A newcomer gets a place as long as somebody can give way: the longest idle connection of its own client where that has all it may have,
 * else of the client with most. Where none is idle, a client with more gives way to one with less, busy as it is. Else the newcomer waits,
 * unread, as in the kernel's backlog: Node accepts whatever comes, and cannot be told to leave it there.
 */
export class TcpPlaces<T extends Seated> {
  readonly #clock: Clock;
  readonly #init: TcpPlacesInit;
  readonly #onGiveWay: () => void;
  /** Those that have a place or wait for one. */
  readonly #groups = new Map<string, Group<T>>();
  readonly #groupOf = new Map<T, Group<T>>();
  #waiting = 0;
  #look: Timer | undefined;
  #lookAt = Infinity;
  #looks = 0;
  #closed = false;

  /** @param onGiveWay called when a connection gives its place to another */
  constructor(clock: Clock, init: TcpPlacesInit, onGiveWay: () => void) {
    this.#clock = clock;
    this.#init = init;
    this.#onGiveWay = onGiveWay;
  }

  get seated(): readonly T[] {
    return [...this.#groupOf.keys()];
  }

  /** How long a connection may be idle now: all the time until half of the places are taken, from there on in proportion less. */
  get idleMs(): number {
    const { places, idleMs } = this.#init;
    const leastMs = Math.min(MIN_IDLE_MS, idleMs);
    return Math.round(Math.min(idleMs, leastMs + ((idleMs - leastMs) * 2 * this.#free) / places));
  }

  arrive(newcomer: Newcomer<T>): void {
    if (this.#closed) return newcomer.refuse('all');
    const group = this.#groups.get(newcomer.group) ?? this.#create(newcomer.group);
    // While there are free places, those who wait have all that they may have.
    const isNext = this.#waiting === 0 || (this.#free > 0 && group.waiting.size === 0);
    if (isNext && this.#makeRoom(group)) this.#seat(group, newcomer);
    else this.#keepWaiting(group, newcomer);
    this.#lookAgain();
  }

  /** A whole message has come, or the last answer in flight has left. */
  used(connection: T): void {
    const seated = this.#groupOf.get(connection)?.seated;
    if (seated?.delete(connection) === true) seated.set(connection, this.#looks);
  }

  /** The connection is closed. Harmless for one that has given way. */
  left(connection: T): void {
    const group = this.#groupOf.get(connection);
    if (group === undefined) return;
    this.#groupOf.delete(connection);
    group.seated.delete(connection);
    this.#forgetEmpty(group);
  }

  /** Nobody is let in any more, and those who wait are refused. */
  close(): void {
    this.#closed = true;
    this.#look?.cancel();
    for (const group of this.#groups.values()) {
      for (const newcomer of group.waiting.keys()) this.#refuse(group, newcomer);
    }
  }

  get #free(): number {
    return Math.max(0, this.#init.places - this.#groupOf.size);
  }

  #create(name: string): Group<T> {
    const { places, placesPerClient } = this.#init;
    const isLocal = name === LOCAL_GROUP;
    return {
      name,
      seated: new Map(),
      waiting: new Map(),
      limit: isLocal ? places : Math.min(places, placesPerClient),
      // Or the clients of a network would take the places from the programs of this machine, which count as one.
      reserved: isLocal ? Math.floor(places / 2) : 0,
    };
  }

  #forgetEmpty(group: Group<T>): void {
    if (group.seated.size === 0 && group.waiting.size === 0) this.#groups.delete(group.name);
  }

  #seat(group: Group<T>, newcomer: Newcomer<T>): void {
    const connection = newcomer.open();
    this.#groups.set(group.name, group);
    group.seated.set(connection, this.#looks);
    this.#groupOf.set(connection, group);
  }

  #keepWaiting(group: Group<T>, newcomer: Newcomer<T>): void {
    this.#groups.set(group.name, group);
    group.waiting.set(newcomer, this.#clock.now());
    this.#waiting++;
    if (this.#waiting <= MAX_WAITING) return;
    let most = group;
    for (const other of this.#groups.values()) if (other.waiting.size > most.waiting.size) most = other;
    for (const longest of most.waiting.keys()) return this.#refuse(most, longest);
  }

  #refuse(group: Group<T>, newcomer: Newcomer<T>): void {
    this.#stopWaiting(group, newcomer);
    this.#forgetEmpty(group);
    newcomer.refuse(isFull(group) ? 'client' : 'all');
  }

  #stopWaiting(group: Group<T>, newcomer: Newcomer<T>): void {
    if (group.waiting.delete(newcomer)) this.#waiting--;
  }

  /** Looks again as long as somebody waits or the table is more than half full. */
  #lookAgain(): void {
    const isCrowded = this.idleMs < this.#init.idleMs;
    if (this.#closed || (this.#waiting === 0 && !isCrowded)) return;
    const lookAt = this.#clock.now() + (this.#waiting > 0 ? LOOK_FOR_PLACES_MS : LOOK_FOR_IDLE_MS);
    if (lookAt >= this.#lookAt) return;
    this.#look?.cancel();
    this.#lookAt = lookAt;
    this.#look = this.#clock.schedule(lookAt - this.#clock.now(), () => {
      this.#lookAt = Infinity;
      this.#looks++;
      this.#refuseLate();
      this.#admit();
      this.#endIdle();
      this.#lookAgain();
    });
  }

  #refuseLate(): void {
    const lateSince = this.#clock.now() - MAX_WAIT_MS;
    for (const group of this.#groups.values()) {
      for (const [newcomer, arrivedAt] of group.waiting) {
        if (arrivedAt > lateSince) break;
        this.#refuse(group, newcomer);
      }
    }
  }

  /** The client that has least is served first, and of one client who came first. */
  #admit(): void {
    const hopeful = new Set([...this.#groups.values()].filter(({ waiting }) => waiting.size > 0));
    while (hopeful.size > 0) {
      const [first, ...others] = hopeful;
      const least = others.reduce((a, b) => (loadOf(b) < loadOf(a) ? b : a), first as Group<T>);
      const [newcomer] = least.waiting.keys();
      if (newcomer !== undefined && this.#makeRoom(least)) {
        this.#stopWaiting(least, newcomer);
        this.#seat(least, newcomer);
      } else if (newcomer === undefined || isFull(least)) hopeful.delete(least);
      // For whoever has more there is no room either.
      else return;
    }
  }

  /** Whether there is room for one more of this group; somebody may have given way for it. */
  #makeRoom(group: Group<T>): boolean {
    if (isFull(group)) return this.#giveWay(this.#longestIdle(group));
    if (this.#free > 0) return true;
    return this.#giveWay(this.#longestIdleOfAll() ?? this.#busyOfOthers(group));
  }

  #giveWay(connection: T | undefined): boolean {
    if (connection === undefined) return false;
    // At once, since it is told of its end later.
    this.left(connection);
    this.#onGiveWay();
    connection.giveWay();
    return true;
  }

  /** Of the clients with an idle connection, the one with most; of those with equally many, whose connection is idle longest. */
  #longestIdleOfAll(): T | undefined {
    let found: T | undefined;
    let foundLoad = 0;
    for (const group of this.#groups.values()) {
      const load = loadOf(group);
      if (load < foundLoad) continue;
      const idle = this.#longestIdle(group);
      if (idle === undefined) continue;
      if (found !== undefined && load === foundLoad && idle.idleSince >= found.idleSince) continue;
      found = idle;
      foundLoad = load;
    }
    return found;
  }

  /** Of the client with most, what asked longest ago; undefined where that client would then have less than the newcomer's. */
  #busyOfOthers(newcomers: Group<T>): T | undefined {
    let most = newcomers;
    for (const group of this.#groups.values()) if (loadOf(group) > loadOf(most)) most = group;
    if (most === newcomers || loadOf(most) - 1 < newcomers.seated.size + 1 - newcomers.reserved) return undefined;
    for (const [longest, looks] of most.seated) return this.#mayGiveWay(longest, looks) ? longest : undefined;
    return undefined;
  }

  /** Undefined where none is idle for so long that it may have to give way. */
  #longestIdle({ seated }: Group<T>): T | undefined {
    for (const [connection, looks] of seated) {
      if (!this.#mayGiveWay(connection, looks)) return undefined;
      if (!connection.busy) return connection;
    }
    return undefined;
  }

  #mayGiveWay({ idleSince }: T, looks: number): boolean {
    return this.#clock.now() - idleSince >= GRACE_MS && this.#looks - looks >= GRACE_LOOKS;
  }

  /** RFC 7766 §6.2.3: closes what has been idle for longer than there is room for. In quiet times the connections do so by themselves. */
  #endIdle(): void {
    const { idleMs } = this;
    if (idleMs === this.#init.idleMs) return;
    const idleSince = this.#clock.now() - idleMs;
    for (const { seated } of this.#groups.values()) {
      for (const [connection, looks] of seated) {
        if (connection.idleSince > idleSince || !this.#mayGiveWay(connection, looks)) break;
        if (!connection.busy) connection.end();
      }
    }
  }
}

function isFull<T extends Seated>({ seated, limit }: Group<T>): boolean {
  return seated.size >= limit;
}

/** What a client has, as it counts when somebody must give way. */
function loadOf<T extends Seated>({ seated, reserved }: Group<T>): number {
  return Math.max(0, seated.size - reserved);
}
