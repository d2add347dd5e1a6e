import type { Clock, Timer } from '../lib/clock.ts';
import { LOCAL_GROUP } from '../model/client-group.ts';

/** A question in the queue or in flight. */
export interface QueuedQuestion {
  /** Whether at least one client waits for the answer. */
  readonly isAwaited: boolean;
  /** Ends the question without an answer, because its client has more than its share in flight. */
  giveUp(): void;
}

interface FairQueueInit {
  /** Maximum questions in flight, as known now; at least 1. */
  readonly capacity: () => number;
}

/** How long a client's question waits before the client with most questions in flight must give one up. */
const PATIENCE_MS = 300;

/** The questions of one client. */
interface Group<T> {
  /** Oldest first. */
  readonly inFlight: Set<T>;
  /** Longest wait first, each with the function that sends it. */
  readonly waiting: Map<T, () => void>;
  /** Number of questions in flight that do not count when clients are compared. */
  readonly reserved: () => number;
}

/**
 * Fair queueing of upstream questions: bounds those in flight and shares the capacity among clients. When one ends, the
 * waiting client with fewest in flight is next.
 *
 * A client with few questions does not wait long behind one with many unanswered questions. A question that no client
 * waits for is given up for it at once. After {@link PATIENCE_MS} the client with most in flight gives up its oldest
 * questions, until both have the same share.
 */
export class FairQueue<T extends QueuedQuestion> {
  readonly #clock: Clock;
  readonly #init: FairQueueInit;
  readonly #groups = new Map<string, Group<T>>();
  readonly #groupOf = new Map<T, string>();
  #inFlight = 0;
  #waiting = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock, init: FairQueueInit) {
    this.#clock = clock;
    this.#init = init;
  }

  /** Whether a new question would have to wait. */
  get isFull(): boolean {
    return this.#waiting > 0 || this.#inFlight >= this.#init.capacity();
  }

  /** Whether the question has not been sent yet. */
  isWaiting(question: T): boolean {
    const group = this.#groups.get(this.#groupOf.get(question) ?? '');
    return group?.waiting.has(question) === true;
  }

  /**
   * Adds a question. Calls `send` when it is the question's turn, possibly at once, and never after the question has
   * ended.
   * @param name the client (clientGroup)
   */
  enqueue(name: string, question: T, send: () => void): void {
    const group = this.#groups.get(name) ?? this.#createGroup(name);
    this.#groups.set(name, group);
    this.#groupOf.set(question, name);
    group.waiting.set(question, send);
    this.#waiting++;
    this.#sendNext(question);
    if (this.#waiting > 0) this.#giveUpUnawaited(question);
    this.#watch();
  }

  /**
   * Notes that another client waits for the same question. If that client has fewer in flight, a question that still
   * waits is moved to it.
   */
  join(name: string, question: T): void {
    const former = this.#groupOf.get(question) ?? name;
    const send = this.#groups.get(former)?.waiting.get(question);
    if (send === undefined || former === name) return;
    if (this.#loadOf(this.#groups.get(name)) >= this.#loadOf(this.#groups.get(former))) return;
    this.#delete(question);
    this.enqueue(name, question, send);
  }

  /** Removes a question that was answered, failed or was given up. Safe for one that was never added. */
  remove(question: T): void {
    if (!this.#delete(question)) return;
    this.#sendNext();
    this.#watch();
  }

  #createGroup(name: string): Group<T> {
    const reserved = name === LOCAL_GROUP ? (): number => Math.floor(this.#init.capacity() / 2) : (): number => 0;
    return { inFlight: new Set(), waiting: new Map(), reserved };
  }

  #delete(question: T): boolean {
    const name = this.#groupOf.get(question);
    const group = this.#groups.get(name ?? '');
    if (name === undefined || group === undefined) return false;
    this.#groupOf.delete(question);
    if (group.inFlight.delete(question)) this.#inFlight--;
    if (group.waiting.delete(question)) this.#waiting--;
    if (group.inFlight.size === 0 && group.waiting.size === 0) this.#groups.delete(name);
    return true;
  }

  /** @param added the question that is being added, for which no client can wait yet */
  #sendNext(added?: T): void {
    while (this.#inFlight < this.#init.capacity()) {
      const next = this.#leastLoadedWaiting();
      const [first] = next?.waiting ?? [];
      if (next === undefined || first === undefined) return;
      const [question, send] = first;
      if (question !== added && !question.isAwaited) {
        this.#delete(question);
        question.giveUp();
        continue;
      }
      next.waiting.delete(question);
      next.inFlight.add(question);
      this.#waiting--;
      this.#inFlight++;
      send();
    }
  }

  /** Of the clients with waiting questions, the one with fewest in flight. */
  #leastLoadedWaiting(): Group<T> | undefined {
    let least: Group<T> | undefined;
    for (const group of this.#groups.values()) {
      if (group.waiting.size === 0) continue;
      if (least === undefined || this.#loadOf(group) < this.#loadOf(least)) least = group;
    }
    return least;
  }

  #mostLoaded(): Group<T> | undefined {
    let most: Group<T> | undefined;
    for (const group of this.#groups.values()) if (this.#loadOf(group) > this.#loadOf(most)) most = group;
    return most;
  }

  #loadOf(group: Group<T> | undefined): number {
    return group === undefined ? 0 : Math.max(0, group.inFlight.size - group.reserved());
  }

  /**
   * Gives up the oldest question in flight that no client waits for.
   * @param added the question that is being added, for which no client can wait yet
   */
  #giveUpUnawaited(added: T): void {
    for (const question of this.#groupOf.keys()) {
      if (question === added || question.isAwaited || this.isWaiting(question)) continue;
      this.remove(question);
      return question.giveUp();
    }
  }

  /** Runs the timer while questions wait. */
  #watch(): void {
    if (this.#waiting === 0) {
      this.#timer?.cancel();
      this.#timer = undefined;
    } else {
      this.#timer ??= this.#clock.schedule(PATIENCE_MS, () => {
        this.#timer = undefined;
        // The capacity may have grown.
        this.#sendNext();
        this.#rebalance();
        this.#watch();
      });
    }
  }

  /** Takes the oldest question from the client with most in flight, for a waiting client that has clearly fewer. */
  #rebalance(): void {
    for (let waitingBefore = Infinity; this.#waiting > 0 && this.#waiting < waitingBefore; ) {
      waitingBefore = this.#waiting;
      const [least, most] = [this.#leastLoadedWaiting(), this.#mostLoaded()];
      if (least === undefined || most === undefined) return;
      if (this.#loadOf(most) - 1 < least.inFlight.size + 1 - least.reserved()) return;
      const [oldest] = most.inFlight;
      if (oldest === undefined) return;
      this.remove(oldest);
      oldest.giveUp();
    }
  }
}
