import type { CircuitStatus } from '../lib/circuit-status.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { Deadline } from '../lib/deadline.ts';
import { Dns4torError, toDns4torError } from '../lib/errors.ts';
import type { ErrorCode } from '../lib/failures.ts';
import type { BreakerState } from '../lib/breaker-state.ts';
import type { Random } from '../lib/random.ts';
import type { Metrics, ReconnectCause } from '../metrics/metrics.ts';
import { Breaker } from './breaker.ts';
import { Circuit, type CircuitConnection } from './circuit.ts';
import { Circuits } from './circuits.ts';
import type { ExtraBudget } from './extra-budget.ts';
import { RecentTimes } from './response-time.ts';
import type { CircuitsUpstream, OnAnswer } from './upstream.ts';
import { WaitingRoom } from './waiting-room.ts';

export interface CircuitPoolComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  /** What second tries are paid from. */
  readonly budget: ExtraBudget;
  /** Makes a connection with new SOCKS credentials, not opened yet. The callbacks are to be called as its components say. */
  readonly createConnection: (
    breaker: Breaker,
    onChange: () => void,
    onLost: (cause: 'ended' | 'stalled') => void,
  ) => CircuitConnection;
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

/** Another try is made when this share of recent answers had come by then: later it helps few, sooner it exceeds its budget. */
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

const NONE: ReadonlySet<Circuit> = new Set();

/** What another connection may mend: a query that met it is asked once more. Any other failure is the resolver's word. */
const RETRIED: ReadonlySet<ErrorCode> = new Set(['ERR_UPSTREAM_CONNECTION', 'ERR_UPSTREAM_STALLED']);

/**
 * Several circuits to one resolver, each with a connection that is open ahead of need. On an onion path one answer in ten takes above five
 * seconds, but hardly ever on two circuits at once: what is slow is mostly the circuit or luck, and both are drawn anew on another.
 *
 * - A query goes to the circuit that is expected to answer first. Few go to another, to learn how it does. Where none is open it waits for
 *   the first that is, unless the breaker says that this is an outage.
 * - If four of five answers would have come by now and this one has not, the query goes to the next best as well, and so on, within a
 *   budget. The first good answer wins.
 * - If its connection is lost, the query goes to another at once: each circuit may fail it once, and one of them twice.
 */
export class CircuitPool implements CircuitsUpstream {
  readonly address: string;
  readonly #components: CircuitPoolComponents;
  readonly #init: CircuitPoolInit;
  readonly #recent = new RecentTimes(RECENT_ANSWERS);
  readonly #breaker: Breaker;
  readonly #circuits: Circuits;
  readonly #waitingRoom = new WaitingRoom();
  #closed = false;

  constructor(components: CircuitPoolComponents, init: CircuitPoolInit) {
    const { clock, random, metrics, createConnection } = components;
    this.address = init.address;
    this.#components = components;
    this.#init = init;
    this.#breaker = new Breaker(components, {
      isServing: () => this.openConnections > 0,
      onOpen: (reason) => this.#waitingRoom.refuse(reason),
      onMayConnect: () => void this.#circuits.open(),
    });
    const onReplace = (slot: number, cause: ReconnectCause): void => metrics.reconnected(init.index, slot, cause);
    const createCircuit = (slot: number): Circuit => {
      const onChange = (): void => this.#admitWaiting();
      const connection = createConnection(this.#breaker, onChange, (cause) => {
        // One that was replaced has given way already, and only finishes what is in flight.
        if (this.#circuits.current[slot] === circuit) onReplace(slot, cause);
      });
      const circuit = new Circuit({ clock, metrics, connection }, init.index, slot);
      return circuit;
    };
    this.#circuits = new Circuits(
      { clock, random, createCircuit, onReplace },
      { count: init.circuits, lifetimeMs: init.lifetimeMs },
    );
  }

  get openConnections(): number {
    return this.#circuits.all.filter(({ isOpen }) => isOpen).length;
  }

  /** Queries that wait for a connection or are on one. */
  get queueDepth(): number {
    return this.#circuits.all.reduce((sum, { inFlight }) => sum + inFlight, this.#waitingRoom.size);
  }

  get breakerStates(): readonly BreakerState[] {
    return [this.#breaker.state];
  }

  get circuits(): readonly CircuitStatus[] {
    return this.#circuits.current.map(({ status }) => status);
  }

  get failure(): ErrorCode | undefined {
    return this.#breaker.lastError?.code;
  }

  /** As {@link Circuits.renewAll}. */
  renewAll(): void {
    this.#circuits.renewAll();
  }

  async exchange(query: Uint8Array, deadline: Deadline, _client?: string, onAnswer?: OnAnswer): Promise<Uint8Array> {
    if (this.#closed) throw new Dns4torError('ERR_SHUTDOWN');
    const failed = new Set<Circuit>();
    for (let lost = 0; ; lost++) {
      try {
        return await this.#admitted(deadline, () => this.#race(query, deadline, failed, onAnswer));
      } catch (error) {
        const isLost = RETRIED.has(toDns4torError(error).code) && !deadline.expired && !this.#closed;
        if (!isLost || lost === this.#init.circuits) throw error;
      }
    }
  }

  /** `work` as soon as a circuit has room. */
  #admitted<T>(deadline: Deadline, work: () => Promise<T>): Promise<T> {
    // Whatever is not open is opened beside the path of the query.
    void this.#circuits.open();
    if (this.#hasRoom()) return work();
    const { refusal } = this.#breaker;
    if (refusal !== undefined) return Promise.reject(refusal);
    // The resolver was never asked: what failed is the way to it, which says nothing about the question.
    const expired = (): Dns4torError =>
      new Dns4torError(this.openConnections > 0 ? 'ERR_QUEUE_FULL' : 'ERR_TOR_TIMEOUT');
    return this.#waitingRoom.wait(deadline, expired, work);
  }

  #hasRoom(): boolean {
    return this.#circuits.current.some(({ hasRoom }) => hasRoom);
  }

  #admitWaiting(): void {
    if (this.#waitingRoom.size === 0) return;
    this.#waitingRoom.admit(() => this.#hasRoom());
    if (this.#waitingRoom.size > 0) void this.#circuits.open();
  }

  /**
   * Asks the best circuit, and another whenever that takes long. Settles with the first answer, or when no try is left.
   * @param failed those on which the query has failed before; what fails now is added
   */
  #race(
    query: Uint8Array,
    deadline: Deadline,
    failed: Set<Circuit>,
    onAnswer: OnAnswer | undefined,
  ): Promise<Uint8Array> {
    const { clock, metrics, budget } = this.#components;
    const { index } = this.#init;
    return new Promise((resolve, reject) => {
      const asked = new Set(failed);
      let running = 0;
      let won = false;
      let hedge: Timer;
      const ask = (circuit: Circuit, isHedge: boolean): void => {
        running++;
        asked.add(circuit);
        const sentAt = clock.now();
        hedge = clock.schedule(this.#hedgeDelayMs(), askNext);
        circuit
          .exchange(query, deadline, (durationMs) => this.#recent.record(durationMs))
          .then(
            (response) => {
              // What else was asked goes on, for what it says about its circuit.
              if (won) return;
              won = true;
              hedge.cancel();
              if (isHedge) metrics.hedged(index, circuit.slot, 'won');
              onAnswer?.({ upstream: this.address, sentAt, secondTry: isHedge });
              resolve(response);
              this.#circuits.replaceSlowest();
            },
            (error: unknown) => {
              failed.add(circuit);
              if (--running > 0) return;
              hedge.cancel();
              reject(error);
            },
          );
      };
      const askNext = (): void => {
        const next = this.#best(asked);
        if (next === undefined || !budget.spend()) return;
        metrics.hedged(index, next.slot, 'sent');
        ask(next, true);
      };
      ask(this.#first(failed), false);
    });
  }

  /** The circuit that is to be asked first: mostly the best. There is room on one. */
  #first(failed: ReadonlySet<Circuit>): Circuit {
    const { random } = this.#components;
    const best = this.#best(failed) ?? this.#best(NONE)!;
    if (failed.size > 0 || random.fraction() >= PROBE_SHARE) return best;
    const others = this.#circuits.current.filter((circuit) => circuit !== best && circuit.hasRoom);
    return others[Math.floor(random.fraction() * others.length)] ?? best;
  }

  /** Of the circuits with room, the one that is expected to answer first. */
  #best(except: ReadonlySet<Circuit>): Circuit | undefined {
    const unknownMs = this.#recent.quantile(0.5) ?? UNKNOWN_MS;
    let best: Circuit | undefined;
    let bestMs = Infinity;
    for (const circuit of this.#circuits.current) {
      if (except.has(circuit) || !circuit.hasRoom) continue;
      const expectedMs = circuit.expectedMs(unknownMs);
      if (best !== undefined && expectedMs >= bestMs) continue;
      best = circuit;
      bestMs = expectedMs;
    }
    return best;
  }

  #hedgeDelayMs(): number {
    const usual = this.#recent.count < FEW_ANSWERS ? UNKNOWN_MS : this.#recent.quantile(HEDGE_QUANTILE);
    return Math.max(MIN_HEDGE_MS, usual ?? UNKNOWN_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#breaker[Symbol.dispose]();
    this.#waitingRoom.refuse(new Dns4torError('ERR_SHUTDOWN'));
    await this.#circuits[Symbol.asyncDispose]();
  }
}
