import type { Clock, Timer } from '../../lib/clock.ts';
import { LOCAL_GROUP } from '../../model/client-group.ts';

/** A connection that holds a slot. */
export interface AdmittedConnection {
  /**
   * When the last complete message arrived or the last answer in flight was sent, on the monotonic clock. Before that,
   * when the connection was opened.
   */
  readonly idleSince: number;
  /** Whether queries are in flight. A message that is still arriving does not count. */
  readonly busy: boolean;
  /** Closes the connection gracefully because it has been idle for too long. Safe if it is closing already. */
  end(): void;
  /** Closes the connection at once because its slot goes to another one. */
  evict(): void;
}

/** An accepted connection without a slot. Nothing has been read from it yet. */
export interface PendingConnection<T extends AdmittedConnection> {
  /** The client (clientGroup). */
  readonly group: string;
  /** Called when it gets its slot. */
  admit(): T;
  /** Closes it because it gets no slot. `bound` is the limit that was reached. */
  refuse(bound: 'all' | 'client'): void;
}

interface TcpAdmissionInit {
  /** Maximum connections; at least 1. */
  readonly connections: number;
  /** Maximum connections per client; at least 1. The programs of this machine together may use all slots. */
  readonly connectionsPerClient: number;
  /** How long an idle connection is kept while fewer than half of the slots are in use. */
  readonly idleMs: number;
}

/** Lower bound of the idle time, which shrinks as slots fill up: a few round trips on a slow network. */
const MIN_IDLE_MS = 500;

/**
 * A connection can be evicted only after this idle time, in which a live client sends its query. It must also have
 * survived this many sweeps: by then the query has been read, however busy the event loop is.
 */
const GRACE_MS = 100;
const GRACE_SWEEPS = 2;

/** Maximum pending connections, like Node's default backlog. */
const MAX_PENDING = 511;

/** A connection that has been pending for this long is refused: its client has given up. */
const MAX_PENDING_MS = 10_000;

/** Sweep interval while connections are pending, and while more than half of the slots are in use. */
const PENDING_SWEEP_MS = 20;
const CROWDED_SWEEP_MS = 100;

interface Group<T extends AdmittedConnection> {
  readonly name: string;
  /** Connections with the sweep count at their last use, least recently used first. */
  readonly admitted: Map<T, number>;
  /** Pending connections with their arrival time, longest pending first. */
  readonly pending: Map<PendingConnection<T>, number>;
  /** Maximum slots. */
  readonly limit: number;
  /** Number of slots that do not count when a connection must be evicted. */
  readonly reserved: number;
}

/**
 * Decides which TCP connections of a listener are served, and shares the slots out among clients (RFC 7766 §6.2.2, RFC
 * 9210 §4.4).
 *
 * A new connection gets a slot if one is free or another connection can be evicted. That is the longest-idle connection
 * of its own client if the client is at its limit, and otherwise that of the client with most. If none is idle, a
 * client with more slots loses a busy connection to a client with fewer. Failing that, the new connection stays pending
 * and unread, as in the kernel's backlog: Node accepts every connection and cannot leave it there.
 */
export class TcpAdmission<T extends AdmittedConnection> {
  readonly #clock: Clock;
  readonly #init: TcpAdmissionInit;
  readonly #onEvict: () => void;
  /** Clients with admitted or pending connections. */
  readonly #groups = new Map<string, Group<T>>();
  readonly #groupOf = new Map<T, Group<T>>();
  #pendingCount = 0;
  #sweep: Timer | undefined;
  #sweepAt = Infinity;
  #sweeps = 0;
  #closed = false;

  /** @param onEvict called when a connection loses its slot to another */
  constructor(clock: Clock, init: TcpAdmissionInit, onEvict: () => void) {
    this.#clock = clock;
    this.#init = init;
    this.#onEvict = onEvict;
  }

  /** The admitted connections. */
  get admitted(): readonly T[] {
    return [...this.#groupOf.keys()];
  }

  /**
   * How long a connection may be idle now: the full time until half of the slots are in use, then proportionally less.
   */
  get idleMs(): number {
    const { connections, idleMs } = this.#init;
    const leastMs = Math.min(MIN_IDLE_MS, idleMs);
    return Math.round(Math.min(idleMs, leastMs + ((idleMs - leastMs) * 2 * this.#free) / connections));
  }

  /** Admits a new connection, or keeps it pending until it can be admitted or must be refused. */
  add(connection: PendingConnection<T>): void {
    if (this.#closed) return connection.refuse('all');
    const group = this.#groups.get(connection.group) ?? this.#create(connection.group);
    // While slots are free, only clients at their own limit have pending connections.
    const isNext = this.#pendingCount === 0 || (this.#free > 0 && group.pending.size === 0);
    if (isNext && this.#makeRoom(group)) this.#admit(group, connection);
    else this.#keepPending(group, connection);
    this.#scheduleSweep();
  }

  /** A complete message has arrived, or the last answer in flight has been sent. */
  used(connection: T): void {
    const admitted = this.#groupOf.get(connection)?.admitted;
    if (admitted?.delete(connection) === true) admitted.set(connection, this.#sweeps);
  }

  /** Frees the slot of a connection that has closed. Safe for one that was evicted. */
  remove(connection: T): void {
    const group = this.#groupOf.get(connection);
    if (group === undefined) return;
    this.#groupOf.delete(connection);
    group.admitted.delete(connection);
    this.#forgetEmpty(group);
  }

  /** Admits nothing more and refuses the pending connections. */
  close(): void {
    this.#closed = true;
    this.#sweep?.cancel();
    for (const group of this.#groups.values()) {
      for (const connection of group.pending.keys()) this.#refuse(group, connection);
    }
  }

  get #free(): number {
    return Math.max(0, this.#init.connections - this.#groupOf.size);
  }

  #create(name: string): Group<T> {
    const { connections, connectionsPerClient } = this.#init;
    const isLocal = name === LOCAL_GROUP;
    return {
      name,
      admitted: new Map(),
      pending: new Map(),
      limit: isLocal ? connections : Math.min(connections, connectionsPerClient),
      // Otherwise clients on the network would take all slots from the programs of this machine, which count as one
      // client.
      reserved: isLocal ? Math.floor(connections / 2) : 0,
    };
  }

  #forgetEmpty(group: Group<T>): void {
    if (group.admitted.size === 0 && group.pending.size === 0) this.#groups.delete(group.name);
  }

  #admit(group: Group<T>, pending: PendingConnection<T>): void {
    const connection = pending.admit();
    this.#groups.set(group.name, group);
    group.admitted.set(connection, this.#sweeps);
    this.#groupOf.set(connection, group);
  }

  #keepPending(group: Group<T>, connection: PendingConnection<T>): void {
    this.#groups.set(group.name, group);
    group.pending.set(connection, this.#clock.now());
    this.#pendingCount++;
    if (this.#pendingCount <= MAX_PENDING) return;
    let most = group;
    for (const other of this.#groups.values()) if (other.pending.size > most.pending.size) most = other;
    for (const longest of most.pending.keys()) return this.#refuse(most, longest);
  }

  #refuse(group: Group<T>, connection: PendingConnection<T>): void {
    this.#removePending(group, connection);
    this.#forgetEmpty(group);
    connection.refuse(isFull(group) ? 'client' : 'all');
  }

  #removePending(group: Group<T>, connection: PendingConnection<T>): void {
    if (group.pending.delete(connection)) this.#pendingCount--;
  }

  /** Schedules a sweep while connections are pending or more than half of the slots are in use. */
  #scheduleSweep(): void {
    const isCrowded = this.idleMs < this.#init.idleMs;
    if (this.#closed || (this.#pendingCount === 0 && !isCrowded)) return;
    const sweepAt = this.#clock.now() + (this.#pendingCount > 0 ? PENDING_SWEEP_MS : CROWDED_SWEEP_MS);
    if (sweepAt >= this.#sweepAt) return;
    this.#sweep?.cancel();
    this.#sweepAt = sweepAt;
    this.#sweep = this.#clock.schedule(sweepAt - this.#clock.now(), () => {
      this.#sweepAt = Infinity;
      this.#sweeps++;
      this.#refuseTimedOut();
      this.#admitPending();
      this.#endIdle();
      this.#scheduleSweep();
    });
  }

  #refuseTimedOut(): void {
    const timedOutSince = this.#clock.now() - MAX_PENDING_MS;
    for (const group of this.#groups.values()) {
      for (const [connection, arrivedAt] of group.pending) {
        if (arrivedAt > timedOutSince) break;
        this.#refuse(group, connection);
      }
    }
  }

  /** Admits pending connections: the client with fewest slots first and, within a client, the earliest. */
  #admitPending(): void {
    const candidates = new Set([...this.#groups.values()].filter(({ pending }) => pending.size > 0));
    while (candidates.size > 0) {
      const [first, ...others] = candidates;
      const least = others.reduce((a, b) => (loadOf(b) < loadOf(a) ? b : a), first as Group<T>);
      const [connection] = least.pending.keys();
      if (connection !== undefined && this.#makeRoom(least)) {
        this.#removePending(least, connection);
        this.#admit(least, connection);
      } else if (connection === undefined || isFull(least)) candidates.delete(least);
      // There is no room for clients with more slots either.
      else return;
    }
  }

  /** Whether this client may have one more slot. May evict a connection to make room. */
  #makeRoom(group: Group<T>): boolean {
    if (isFull(group)) return this.#evict(this.#longestIdle(group));
    if (this.#free > 0) return true;
    return this.#evict(this.#longestIdleOfAll() ?? this.#busyOfOthers(group));
  }

  #evict(connection: T | undefined): boolean {
    if (connection === undefined) return false;
    // Frees the slot now, because the close event comes later.
    this.remove(connection);
    this.#onEvict();
    connection.evict();
    return true;
  }

  /**
   * The longest-idle connection of the client with most slots, among clients with an idle one. A tie goes to the
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
   * the client of the new connection would then have.
   */
  #busyOfOthers(group: Group<T>): T | undefined {
    let most = group;
    for (const other of this.#groups.values()) if (loadOf(other) > loadOf(most)) most = other;
    if (most === group || loadOf(most) - 1 < group.admitted.size + 1 - group.reserved) return undefined;
    for (const [longest, sweeps] of most.admitted) return this.#isEvictable(longest, sweeps) ? longest : undefined;
    return undefined;
  }

  /** The longest-idle connection of a client. Undefined if none has been idle long enough to be evicted. */
  #longestIdle({ admitted }: Group<T>): T | undefined {
    for (const [connection, sweeps] of admitted) {
      if (!this.#isEvictable(connection, sweeps)) return undefined;
      if (!connection.busy) return connection;
    }
    return undefined;
  }

  #isEvictable({ idleSince }: T, sweeps: number): boolean {
    return this.#clock.now() - idleSince >= GRACE_MS && this.#sweeps - sweeps >= GRACE_SWEEPS;
  }

  /**
   * RFC 7766 §6.2.3: closes connections that have been idle for too long now that slots are scarce. While they are not,
   * the timers of the connections do this.
   */
  #endIdle(): void {
    const { idleMs } = this;
    if (idleMs === this.#init.idleMs) return;
    const idleSince = this.#clock.now() - idleMs;
    for (const { admitted } of this.#groups.values()) {
      for (const [connection, sweeps] of admitted) {
        if (connection.idleSince > idleSince || !this.#isEvictable(connection, sweeps)) break;
        if (!connection.busy) connection.end();
      }
    }
  }
}

function isFull<T extends AdmittedConnection>({ admitted, limit }: Group<T>): boolean {
  return admitted.size >= limit;
}

/** The slots of a client as they count when a connection must be evicted. */
function loadOf<T extends AdmittedConnection>({ admitted, reserved }: Group<T>): number {
  return Math.max(0, admitted.size - reserved);
}
