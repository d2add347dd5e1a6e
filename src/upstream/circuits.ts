import { type Clock, delay, type Timer } from '../lib/clock.ts';
import { Deadline } from '../lib/deadline.ts';
import type { Random } from '../lib/random.ts';
import type { ReconnectCause } from '../metrics/metrics.ts';
import type { Circuit } from './circuit.ts';

export interface CircuitsComponents {
  readonly clock: Clock;
  readonly random: Random;
  /** Makes a circuit for a slot, with new SOCKS credentials. */
  readonly createCircuit: (slot: number) => Circuit;
  /** Called when a circuit whose connection is open gives way to another. */
  readonly onReplace: (slot: number, cause: ReplacementCause) => void;
}

export interface CircuitsInit {
  /** At least 1. */
  readonly count: number;
  /** How long one circuit is used, give or take a fifth. */
  readonly lifetimeMs: number;
}

type ReplacementCause = Extract<ReconnectCause, 'lifetime' | 'slow' | 'network'>;

/** A circuit that takes this many times as long as the best is given up for a new one, once this many answers say so. */
const SLOW_FACTOR = 2;
const SLOW_SAMPLES = 4;

/** A circuit that answers within this time is not slow, whatever the others do. */
const NEVER_SLOW_MS = 200;

/**
 * Between two circuits that are given up for being slow: each new one costs relays and the service work. In `npm run bench:latency` half of
 * this builds half as many circuits again for a tenth of the median; with twice as much the median is up to a tenth longer.
 */
const REPLACE_PAUSE_MS = 60_000;

/** Between two attempts to replace a circuit whose life has ended, where the first did not connect. */
const RENEW_PAUSE_MS = 30_000;

/** Lifetimes are drawn from this share of themselves to as much above, so that circuits do not all change at once. */
const LIFETIME_JITTER = 0.2;

/** What is in flight on a circuit that was replaced gets this long to be answered; looked at this often. */
const DRAIN_MS = 30_000;
const DRAIN_LOOK_MS = 1000;

/**
 * A set of circuits, of constant size. Each has an end: after its lifetime a new one, with new credentials, takes its place as soon as it is
 * connected, so that no resolver or relay sees one client's questions for long. One that is clearly slower than the best is replaced in the
 * same way.
 */
export class Circuits implements AsyncDisposable {
  readonly #components: CircuitsComponents;
  readonly #init: CircuitsInit;
  readonly #current: Circuit[];
  /** Replaced, and not yet drained. */
  readonly #retired = new Set<Circuit>();
  /** Being connected, to take the place of another. */
  readonly #fresh = new Set<Circuit>();
  readonly #lifetimes = new Map<Circuit, Timer>();
  readonly #closing = new AbortController();
  #replacing = false;
  #replacedAt = -Infinity;

  constructor(components: CircuitsComponents, init: CircuitsInit) {
    this.#components = components;
    this.#init = init;
    this.#current = Array.from({ length: init.count }, (_, slot) => this.#create(slot));
  }

  /** Those that are in use, by slot. */
  get current(): readonly Circuit[] {
    return this.#current;
  }

  /** Those that are not yet, or no longer. */
  get all(): readonly Circuit[] {
    return [...this.#current, ...this.#retired];
  }

  /** Opens whatever is not open, as far as the breaker permits. Resolves when that has come to an end. */
  async open(): Promise<void> {
    await Promise.all(this.#current.map((circuit) => circuit.open()));
  }

  /**
   * Gives up all circuits for new ones at once, and opens those that were in use: after a sleep or a change of network nobody may be at the
   * other end of the old ones any more.
   */
  renewAll(): void {
    for (const circuit of this.#current.slice()) {
      const fresh = this.#create(circuit.slot);
      this.#substitute(circuit, fresh, 'network');
      if (circuit.used) void fresh.open();
    }
  }

  /** Gives up the slowest, if it is clearly slower than the best. */
  replaceSlowest(): void {
    const now = this.#components.clock.now();
    if (this.#replacing || now - this.#replacedAt < REPLACE_PAUSE_MS) return;
    const known = this.#current.filter(({ samples }) => samples >= SLOW_SAMPLES);
    const times = known.map((circuit) => circuit.expectedMs(0));
    const slowest = Math.max(...times);
    if (known.length < 2 || slowest < SLOW_FACTOR * Math.min(...times) || slowest < NEVER_SLOW_MS) return;
    this.#replacedAt = now;
    this.#replacing = true;
    void this.#renew(known[times.indexOf(slowest)] as Circuit, 'slow').finally(() => (this.#replacing = false));
  }

  #create(slot: number): Circuit {
    const { random, createCircuit } = this.#components;
    const circuit = createCircuit(slot);
    const jitter = 1 - LIFETIME_JITTER + 2 * LIFETIME_JITTER * random.fraction();
    this.#endAfter(circuit, this.#init.lifetimeMs * jitter);
    return circuit;
  }

  /** Sets when the circuit's life ends; what was set before no longer holds. */
  #endAfter(circuit: Circuit, delayMs: number): void {
    this.#lifetimes.get(circuit)?.cancel();
    this.#lifetimes.set(
      circuit,
      this.#components.clock.schedule(delayMs, () => this.#endOfLife(circuit)),
    );
  }

  #endOfLife(circuit: Circuit): void {
    // Of one that nobody used, nothing can be learnt; and a machine that asks nothing need not build circuits.
    if (circuit.used) void this.#renew(circuit, 'lifetime');
    else this.#substitute(circuit, this.#create(circuit.slot), 'lifetime');
  }

  /** Puts a new circuit into the place of `old` once it is connected; where that fails, `old` goes on until the next attempt. */
  async #renew(old: Circuit, cause: ReplacementCause): Promise<void> {
    const fresh = this.#create(old.slot);
    this.#fresh.add(fresh);
    await fresh.open();
    this.#fresh.delete(fresh);
    if (this.#closing.signal.aborted) return this.#discard(fresh);
    if (fresh.isOpen) return this.#substitute(old, fresh, cause);
    await this.#discard(fresh);
    // Given up meanwhile, it has no place that a new one could take.
    if (this.#current[old.slot] === old) this.#endAfter(old, RENEW_PAUSE_MS);
  }

  #substitute(old: Circuit, fresh: Circuit, cause: ReplacementCause): void {
    const { slot } = old;
    if (this.#current[slot] !== old) return void this.#discard(fresh);
    this.#current[slot] = fresh;
    if (old.isOpen) this.#components.onReplace(slot, cause);
    void this.#drain(old);
  }

  async #drain(circuit: Circuit): Promise<void> {
    this.#retired.add(circuit);
    const { clock } = this.#components;
    const deadline = Deadline.after(clock, DRAIN_MS);
    while (circuit.inFlight > 0 && !deadline.expired && !this.#closing.signal.aborted) {
      await delay(clock, DRAIN_LOOK_MS, this.#closing.signal);
    }
    this.#retired.delete(circuit);
    await this.#discard(circuit);
  }

  async #discard(circuit: Circuit): Promise<void> {
    this.#lifetimes.get(circuit)?.cancel();
    this.#lifetimes.delete(circuit);
    await circuit[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.all([...this.#current, ...this.#retired, ...this.#fresh].map((circuit) => this.#discard(circuit)));
  }
}
