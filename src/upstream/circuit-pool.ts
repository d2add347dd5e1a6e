import { type Clock, delay, type Timer } from '../lib/clock.ts';
import type { Deadline } from '../lib/deadline.ts';
import { Dns4torError } from '../lib/errors.ts';
import type { Random } from '../lib/random.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { Circuit, type CircuitUpstream } from './circuit.ts';
import type { ExtraBudget } from './extra-budget.ts';
import { RecentTimes } from './response-time.ts';
import type { Upstream } from './upstream.ts';

export interface CircuitPoolComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  /** What second tries are paid from. */
  readonly budget: ExtraBudget;
  /** Makes a way to the resolver with new SOCKS credentials. */
  readonly createCircuit: () => CircuitUpstream;
}

export interface CircuitPoolInit {
  /** The resolver's URL, for logs. */
  readonly address: string;
  /** Its place in the configured order. */
  readonly index: number;
  /** At least 1. */
  readonly circuits: number;
  /** How long one circuit is used, give or take a fifth. */
  readonly lifetimeMs: number;
}

/** A second try is made when this share of recent answers had come by then: later it helps few, sooner it exceeds the budget. */
const HEDGE_QUANTILE = 0.8;

/** Sooner, a second try is no use: nobody notices, and a path that fast does not hang on one circuit. */
const MIN_HEDGE_MS = 200;

/** Before answers were seen: the published median of the onion path. */
const UNKNOWN_MS = 1500;

/** Answers of which {@link HEDGE_QUANTILE} is taken; fewer than the second number say too little. */
const RECENT_ANSWERS = 100;
const FEW_ANSWERS = 8;

/** This share of queries goes to another than the best circuit first, or what is known of the others would grow old. */
const PROBE_SHARE = 0.05;

/** A circuit that takes this many times as long as the best is given up for a new one, once this many answers say so. */
const SLOW_FACTOR = 2;
const SLOW_SAMPLES = 4;

/**
 * Between two circuits that are given up for being slow: each new one costs relays and the service work. In `npm run bench:latency` half of
 * this builds half as many circuits again for a tenth of the median; with twice as much the median is up to a tenth longer.
 */
const REPLACE_PAUSE_MS = 60_000;

/** Between two attempts to replace a circuit whose life has ended, where the first did not connect. */
const RENEW_PAUSE_MS = 30_000;

/** Lifetimes are drawn from this share of themselves to as much above, so that circuits do not all change at once. */
const LIFETIME_JITTER = 0.2;

/** What is in flight on a circuit that was replaced gets this long to be answered. */
const DRAIN_MS = 30_000;

/**
 * Several circuits to one resolver, each with a connection that is open ahead of need. On an onion path one answer in ten takes above five
 * seconds, but hardly ever on two circuits at once: what is slow is mostly the circuit or luck, and both are drawn anew on another.
 *
 * - A query goes to the circuit that is expected to answer first. Few go to another, to learn how it does.
 * - If four of five answers would have come by now and this one has not, the query goes to the second best as well, within a budget.
 *   The first good answer wins. If a try fails, the next circuit is asked at once.
 * - Each circuit has an end: after its lifetime a new one, with new credentials, takes its place as soon as it is connected, so that no
 *   resolver or relay sees one client's questions for long. One that is clearly slower than the best is replaced in the same way.
 */
export class CircuitPool implements Upstream {
  readonly address: string;
  readonly #components: CircuitPoolComponents;
  readonly #init: CircuitPoolInit;
  readonly #recent = new RecentTimes(RECENT_ANSWERS);
  readonly #circuits: Circuit[];
  /** Replaced, and not yet drained. */
  readonly #retired = new Set<Circuit>();
  readonly #lifetimes = new Map<Circuit, Timer>();
  readonly #closing = new AbortController();
  #renewing = false;
  #replacedAt = -Infinity;

  constructor(components: CircuitPoolComponents, init: CircuitPoolInit) {
    this.address = init.address;
    this.#components = components;
    this.#init = init;
    this.#circuits = Array.from({ length: init.circuits }, () => this.#create());
  }

  get openConnections(): number {
    return this.#sum(({ upstream }) => upstream.openConnections);
  }

  get queueDepth(): number {
    return this.#sum(({ upstream }) => upstream.queueDepth);
  }

  /**
   * Gives up all circuits for new ones at once, and opens those that were in use: after a sleep or a change of network nobody may be at the
   * other end of the old ones any more.
   */
  renewAll(): void {
    for (const circuit of this.#circuits.slice()) {
      const fresh = this.#create();
      this.#substitute(circuit, fresh);
      if (circuit.used) void fresh.upstream.warm();
    }
  }

  exchange(query: Uint8Array, deadline: Deadline): Promise<Uint8Array> {
    if (this.#closing.signal.aborted) return Promise.reject(new Dns4torError('ERR_SHUTDOWN'));
    this.#warm();
    return this.#race(this.#ranked(), query, deadline);
  }

  /** Asks the circuits in their order: the second when the first takes long, the next whenever none is left that could answer. */
  #race(untried: Circuit[], query: Uint8Array, deadline: Deadline): Promise<Uint8Array> {
    const { clock, metrics, budget } = this.#components;
    const { index } = this.#init;
    return new Promise((resolve, reject) => {
      let running = 0;
      const ask = (circuit: Circuit, isHedge: boolean): void => {
        running++;
        circuit
          .exchange(query, deadline, (durationMs) => this.#recent.record(durationMs))
          .then(
            (response) => {
              hedge.cancel();
              if (isHedge) metrics.hedged(index, 'answered');
              resolve(response);
              this.#replaceSlowest();
            },
            (error: unknown) => {
              running--;
              if (running > 0) return;
              const next = deadline.expired ? undefined : untried.shift();
              if (next !== undefined) return ask(next, false);
              hedge.cancel();
              reject(error);
            },
          );
      };
      const hedge = clock.schedule(this.#hedgeDelayMs(), () => {
        const [second] = untried;
        // A circuit that would have to be dialled first, or that is full, is no help in a hurry.
        if (second?.hasRoom !== true || !budget.spend()) return;
        untried.shift();
        metrics.hedged(index, 'sent');
        ask(second, true);
      });
      ask(untried.shift() as Circuit, false);
    });
  }

  /** The circuits that could send the query at once, by the time they are expected to take; then the others. */
  #ranked(): Circuit[] {
    const { random } = this.#components;
    const unknownMs = this.#recent.quantile(0.5) ?? UNKNOWN_MS;
    const rank = (circuit: Circuit): number =>
      circuit.expectedMs(unknownMs) + (circuit.hasRoom ? 0 : Number.MAX_SAFE_INTEGER);
    const ranked = this.#circuits.toSorted((a, b) => rank(a) - rank(b));
    const others = ranked.filter((circuit, i) => i > 0 && circuit.hasRoom);
    if (others.length === 0 || random.fraction() >= PROBE_SHARE) return ranked;
    const probed = others[Math.floor(random.fraction() * others.length)] as Circuit;
    return [probed, ...ranked.filter((circuit) => circuit !== probed)];
  }

  #hedgeDelayMs(): number {
    const usual = this.#recent.count < FEW_ANSWERS ? UNKNOWN_MS : this.#recent.quantile(HEDGE_QUANTILE);
    return Math.max(MIN_HEDGE_MS, usual ?? UNKNOWN_MS);
  }

  /** Opens whatever is not open, beside the path of the query. */
  #warm(): void {
    for (const circuit of this.#circuits) if (!circuit.isOpen) void circuit.upstream.warm();
  }

  #create(): Circuit {
    const { clock, random, createCircuit } = this.#components;
    const circuit = new Circuit(clock, createCircuit());
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
    if (circuit.used) void this.#renew(circuit);
    else this.#substitute(circuit, this.#create());
  }

  /** Puts a new circuit into the place of `old` once it is connected; where that fails, `old` goes on until the next attempt. */
  async #renew(old: Circuit): Promise<void> {
    const fresh = this.#create();
    await fresh.upstream.warm();
    if (this.#closing.signal.aborted) return this.#discard(fresh);
    if (fresh.isOpen) return this.#substitute(old, fresh);
    await this.#discard(fresh);
    // Given up meanwhile, it has no place that a new one could take.
    if (this.#circuits.includes(old)) this.#endAfter(old, RENEW_PAUSE_MS);
  }

  #substitute(old: Circuit, fresh: Circuit): void {
    const place = this.#circuits.indexOf(old);
    if (place === -1) return void this.#discard(fresh);
    this.#circuits[place] = fresh;
    void this.#drain(old);
  }

  async #drain(circuit: Circuit): Promise<void> {
    this.#retired.add(circuit);
    if (circuit.upstream.queueDepth > 0) await delay(this.#components.clock, DRAIN_MS, this.#closing.signal);
    this.#retired.delete(circuit);
    await this.#discard(circuit);
  }

  async #discard(circuit: Circuit): Promise<void> {
    this.#lifetimes.get(circuit)?.cancel();
    this.#lifetimes.delete(circuit);
    await circuit.upstream[Symbol.asyncDispose]();
  }

  #replaceSlowest(): void {
    const now = this.#components.clock.now();
    if (this.#renewing || now - this.#replacedAt < REPLACE_PAUSE_MS) return;
    const known = this.#circuits.filter(({ samples }) => samples >= SLOW_SAMPLES);
    const times = known.map((circuit) => circuit.expectedMs(UNKNOWN_MS));
    const slowest = Math.max(...times);
    if (known.length < 2 || slowest < SLOW_FACTOR * Math.min(...times) || slowest < MIN_HEDGE_MS) return;
    this.#replacedAt = now;
    this.#renewing = true;
    void this.#renew(known[times.indexOf(slowest)] as Circuit).finally(() => (this.#renewing = false));
  }

  #sum(count: (circuit: Circuit) => number): number {
    return [...this.#circuits, ...this.#retired].reduce((sum, circuit) => sum + count(circuit), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.all([...this.#circuits, ...this.#retired].map((circuit) => this.#discard(circuit)));
  }
}
