import type { Clock, Timer } from '../../lib/clock.ts';
import { LOCAL_GROUP } from '../../model/client-group.ts';

/** A connection that has a place. */
export interface Seated {
  /**
   * When the last complete message arrived or the last answer in flight was sent, on the monotonic clock; at first,
   * when it was opened.
   */
  readonly idleSince: number;
  /** Whether queries are in flight. A message that is still arriving does not count. */
  readonly busy: boolean;
  /** Closes it gracefully, because it has been idle for too long. Safe if it is closing already. */
  end(): void;
  /** Closes it at once, because its place goes to another connection. */
  giveWay(): void;
}

/** An accepted connection from which nothing has been read yet. */
export interface Newcomer<T extends Seated> {
  /** The client (clientGroup). */
  readonly group: string;
  /** Gives it its place. */
  open(): T;
  /** Closes it, because there is no place for it. */
  refuse(bound: 'all' | 'client'): void;
}

export interface TcpPlacesInit {
  /** Maximum connections; at least 1. */
  readonly places: number;
  /** Maximum connections per client; at least 1. The programs of this machine together may have all. */
  readonly placesPerClient: number;
  /** How long an idle connection is kept while fewer than half of the places are taken. */
  readonly idleMs: number;
}

/** Lower bound of the idle time, which shrinks as the table fills: a few round trips on a slow network. */
const MIN_IDLE_MS = 500;

/**
 * A connection gives way only after this idle time, in which a live client sends its query. It must also have survived
 * this many looks: by then the query has been read, however busy the event loop is.
 */
const GRACE_MS = 100;
const GRACE_LOOKS = 2;

/** Maximum newcomers that wait for a place, like Node's default backlog. */
const MAX_WAITING = 511;

/** After this wait a newcomer is refused, because its client has given up. */
const MAX_WAIT_MS = 10_000;

/**
 * Poll intervals: for places that newcomers wait for and, in a table more than half full, for connections idle too
 * long.
 */
const LOOK_FOR_PLACES_MS = 20;
const LOOK_FOR_IDLE_MS = 100;

interface Group<T extends Seated> {
  readonly name: string;
  /** Connections with the count of looks at their last use, least recently used first. */
  readonly seated: Map<T, number>;
  /** Newcomers with their arrival time, longest waiting first. */
  readonly waiting: Map<Newcomer<T>, number>;
  /** Maximum places. */
  readonly limit: number;
  /** Number of places that do not count when a connection must give way. */
  readonly reserved: number;
}

/**
 * The places for a listener's TCP connections, shared out among clients (RFC 7766 §6.2.2, RFC 9210 §4.4).
 *
 * A newcomer gets a place if another connection can give way. That is the longest-idle connection of its own client if
 * the client is at its limit, and otherwise that of the client with most. If none is idle, a client with more places
 * gives up a busy connection to a client with fewer. Failing that, the newcomer waits unread, as in the kernel's
 * backlog: Node accepts every connection and cannot leave it there.
 */
export class TcpPlaces<T extends Seated> {
  readonly #clock: Clock;
  readonly #init: TcpPlacesInit;
  readonly #onGiveWay: () => void;
  /** Clients that have a place or wait for one. */
  readonly #groups = new Map<string, Group<T>>();
  readonly #groupOf = new Map<T, Group<T>>();
  #waiting = 0;
  #look: Timer | undefined;
  #lookAt = Infinity;
  #looks = 0;
  #closed = false;

  /** @param onGiveWay called when a connection loses its place to another */
  constructor(clock: Clock, init: TcpPlacesInit, onGiveWay: () => void) {
    this.#clock = clock;
    this.#init = init;
    this.#onGiveWay = onGiveWay;
  }

  get seated(): readonly T[] {
    return [...this.#groupOf.keys()];
  }

  /**
   * How long a connection may be idle now: the full time until half of the places are taken, then proportionally less.
   */
  get idleMs(): number {
    const { places, idleMs } = this.#init;
    const leastMs = Math.min(MIN_IDLE_MS, idleMs);
    return Math.round(Math.min(idleMs, leastMs + ((idleMs - leastMs) * 2 * this.#free) / places));
  }

  arrive(newcomer: Newcomer<T>): void {
    if (this.#closed) return newcomer.refuse('all');
    const group = this.#groups.get(newcomer.group) ?? this.#create(newcomer.group);
    // While places are free, only clients at their own limit wait.
    const isNext = this.#waiting === 0 || (this.#free > 0 && group.waiting.size === 0);
    if (isNext && this.#makeRoom(group)) this.#seat(group, newcomer);
    else this.#keepWaiting(group, newcomer);
    this.#lookAgain();
  }

  /** A complete message has arrived, or the last answer in flight has been sent. */
  used(connection: T): void {
    const seated = this.#groupOf.get(connection)?.seated;
    if (seated?.delete(connection) === true) seated.set(connection, this.#looks);
  }

  /** The connection has closed. Safe for one that has given way. */
  left(connection: T): void {
    const group = this.#groupOf.get(connection);
    if (group === undefined) return;
    this.#groupOf.delete(connection);
    group.seated.delete(connection);
    this.#forgetEmpty(group);
  }

  /** Admits nobody any more and refuses the newcomers that wait. */
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
      // Otherwise clients on the network would take all places from the programs of this machine, which count as one
      // client.
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

  /** Schedules a look while newcomers wait or the table is more than half full. */
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

  /** Admits newcomers: the client with fewest places first and, within a client, the earliest. */
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
      // There is no room for clients with more places either.
      else return;
    }
  }

  /** Whether this client may have one more place. May close a connection to make room. */
  #makeRoom(group: Group<T>): boolean {
    if (isFull(group)) return this.#giveWay(this.#longestIdle(group));
    if (this.#free > 0) return true;
    return this.#giveWay(this.#longestIdleOfAll() ?? this.#busyOfOthers(group));
  }

  #giveWay(connection: T | undefined): boolean {
    if (connection === undefined) return false;
    // Now, because its close event comes later.
    this.left(connection);
    this.#onGiveWay();
    connection.giveWay();
    return true;
  }

  /**
   * The longest-idle connection of the client with most places, among clients with an idle one. A tie goes to the
   * connection that has been idle longer.
   */
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

  /**
   * The least recently used connection of the client with most. Undefined if that client would be left with fewer than
   * the newcomer has then.
   */
  #busyOfOthers(newcomers: Group<T>): T | undefined {
    let most = newcomers;
    for (const group of this.#groups.values()) if (loadOf(group) > loadOf(most)) most = group;
    if (most === newcomers || loadOf(most) - 1 < newcomers.seated.size + 1 - newcomers.reserved) return undefined;
    for (const [longest, looks] of most.seated) return this.#mayGiveWay(longest, looks) ? longest : undefined;
    return undefined;
  }

  /** The longest-idle connection of a client. Undefined if none has been idle long enough to give way. */
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

  /**
   * RFC 7766 §6.2.3: closes connections that have been idle for too long now that places are scarce. While they are
   * not, the timers of the connections do this.
   */
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

/** The places of a client as they count when one must give way. */
function loadOf<T extends Seated>({ seated, reserved }: Group<T>): number {
  return Math.max(0, seated.size - reserved);
}
