import type { CircuitStatus } from '../lib/circuit-status.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { Deadline } from '../lib/deadline.ts';
import { Dns4torError, toDns4torError } from '../lib/errors.ts';
import type { ErrorCode } from '../lib/failures.ts';
import type { BreakerState } from '../lib/breaker-state.ts';
import type { Random } from '../lib/random.ts';
import type { Metrics, ReconnectCause } from '../metrics/metrics.ts';
import { PROBE_QUERY } from '../message/probe-query.ts';
import { ApartLane } from './apart-lane.ts';
import { Breaker } from './breaker.ts';
import { type AnswerEvents, Circuit, type CircuitConnection } from './circuit.ts';
import { Circuits } from './circuits.ts';
import type { ExtraBudget } from './extra-budget.ts';
import { RecentTimes } from './response-time.ts';
import { Suspects, Suspicion } from './suspicion.ts';
import type { CircuitsUpstream, OnAnswer } from './upstream.ts';
import { WaitingRoom } from './waiting-room.ts';

export interface CircuitPoolComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly answerEvents?: AnswerEvents;
  /** What second tries are paid from. */
  readonly budget: ExtraBudget;
  /** Makes a connection with new SOCKS credentials, not opened yet. The callbacks are to be called as its components say. */
  readonly createConnection: (
    breaker: Breaker,
    onChange: () => void,
    onLost: (cause: 'ended' | 'stalled') => boolean,
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

/** Failures that another connection may fix, so the query is retried. Any other failure is passed on. */
const RETRIED: ReadonlySet<ErrorCode> = new Set(['ERR_UPSTREAM_CONNECTION', 'ERR_UPSTREAM_STALLED']);

/** Slot under which metrics count the exchanges of the {@link ApartLane}, whose connection has no slot of its own. */
const APART_SLOT = 0;

/** Maximum losses of one query on shared connections. After that it may only be retried on a dedicated connection. */
const MOST_LOSSES = 2;

/**
 * Several circuits to one resolver, each with a connection that is opened ahead of need. On an onion path one answer in
 * ten takes more than five seconds, but rarely on two circuits at once. Delays come mostly from the circuit or from
 * chance, and both differ on another circuit.
 *
 * - A query goes to the circuit with the lowest expected response time. A few go to another one, to keep its estimate
 *   fresh. If no circuit is open, the query waits for the first that opens, unless the breaker reports an outage.
 * - After the 80th percentile of recent response times, the query also goes to the next best circuit, and so on, within
 *   a budget. The first good answer wins.
 * - If the connection or the stream is lost, the query is retried at once as a suspect, on another circuit if there is
 *   one. After a second loss, the pool checks that the resolver answers other queries. If not, the path is broken.
 * - If it does, and the suspect was alone on its connections or only its streams were reset, the query is to blame. If
 *   other queries shared a connection that ended, the suspect is retried once more on a dedicated connection.
 */
export class CircuitPool implements CircuitsUpstream {
  readonly address: string;
  readonly #components: CircuitPoolComponents;
  readonly #init: CircuitPoolInit;
  readonly #recent = new RecentTimes(RECENT_ANSWERS);
  readonly #breaker: Breaker;
  readonly #circuits: Circuits;
  readonly #waitingRoom = new WaitingRoom();
  readonly #suspects = new Suspects();
  readonly #apart: ApartLane;
  /** Answers received so far, on all circuits. */
  #answers = 0;
  /** Value of `#answers` when a connection with a suspect on it was last replaced without a pause. */
  #answersAtExcuse = -1;
  /** The running check whether the resolver answers at all; shared by all queries that need it. */
  #proof: Promise<unknown> | undefined;
  #closed = false;

  constructor(components: CircuitPoolComponents, init: CircuitPoolInit) {
    const { clock, random, metrics, answerEvents, createConnection } = components;
    this.address = init.address;
    this.#components = components;
    this.#init = init;
    this.#breaker = new Breaker(components, {
      isServing: () => this.openConnections > 0,
      onOpen: (reason) => {
        this.#waitingRoom.refuse(reason);
        this.#apart.refuse(reason);
      },
      onMayConnect: () => {
        void this.#circuits.open();
        this.#apart.open();
      },
    });
    this.#apart = new ApartLane((onChange) => {
      const connection = createConnection(this.#breaker, onChange, () => true);
      return new Circuit({ clock, metrics, answerEvents, connection }, init.index, APART_SLOT);
    });
    const onReplace = (slot: number, cause: ReconnectCause): void => metrics.reconnected(init.index, slot, cause);
    const createCircuit = (slot: number): Circuit => {
      const onChange = (): void => this.#admitWaiting();
      const connection = createConnection(this.#breaker, onChange, (cause) => {
        // One that was replaced has given way already, and only finishes what is in flight.
        if (this.#circuits.current[slot] === circuit) onReplace(slot, cause);
        return this.#suspects.has(circuit) && this.#mayExcuse();
      });
      const circuit = new Circuit({ clock, metrics, answerEvents, connection }, init.index, slot);
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
    const waiting = this.#waitingRoom.size + this.#apart.size;
    return this.#circuits.all.reduce((sum, { inFlight }) => sum + inFlight, waiting);
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
    const suspicion = new Suspicion();
    for (;;) {
      const lossesBefore = suspicion.losses;
      try {
        return await this.#admitted(deadline, () => this.#race(query, deadline, suspicion, onAnswer));
      } catch (thrown) {
        const error = toDns4torError(thrown);
        // A query that was refused, or expired in the queue, was not on any connection.
        const isLost = RETRIED.has(error.code) && suspicion.losses > lossesBefore;
        if (!isLost || deadline.expired || this.#closed) throw error;
        if (suspicion.losses < MOST_LOSSES) continue;
        if (error.code === 'ERR_UPSTREAM_STALLED' || !(await this.#answersOthers(suspicion, deadline))) throw error;
        const isAlone = !suspicion.accompanied || suspicion.resets === suspicion.losses;
        if (!isAlone) return await this.#askApart(query, deadline, onAnswer);
        throw this.#blame(error);
      }
    }
  }

  /**
   * Whether the resolver has answered any query since the first loss, or answers a probe now. If not, the path is
   * broken for all queries.
   */
  async #answersOthers({ answersAtLoss }: Suspicion, deadline: Deadline): Promise<boolean> {
    if (this.#answers === answersAtLoss) {
      this.#proof ??= this.#admitted(deadline, () => this.#race(PROBE_QUERY, deadline, new Suspicion(), undefined))
        .catch(() => {})
        .finally(() => (this.#proof = undefined));
      await deadline.limit(this.#proof).catch(() => {});
    }
    return this.#answers > answersAtLoss;
  }

  async #askApart(query: Uint8Array, deadline: Deadline, onAnswer: OnAnswer | undefined): Promise<Uint8Array> {
    const { clock } = this.#components;
    try {
      return await this.#apart.exchange(query, deadline, (durationMs) => {
        this.#noteAnswer(durationMs);
        onAnswer?.({ upstream: this.address, sentAt: clock.now() - durationMs, secondTry: false });
      });
    } catch (thrown) {
      const error = toDns4torError(thrown);
      throw error.code === 'ERR_QUERY_DROPS_CONNECTION' ? this.#blame(error) : error;
    }
  }

  /** Blames the query for its losses and reports success to the breaker: the path to the resolver works. */
  #blame(cause: Dns4torError): Dns4torError {
    this.#breaker.worked();
    return new Dns4torError('ERR_QUERY_DROPS_CONNECTION', undefined, cause);
  }

  /**
   * Whether a lost connection with a suspect on it may be replaced without a pause: once per answer, so that an outage
   * does not cause a storm of reconnects.
   */
  #mayExcuse(): boolean {
    if (this.#answers === this.#answersAtExcuse) return false;
    this.#answersAtExcuse = this.#answers;
    return true;
  }

  #noteAnswer(durationMs: number): void {
    this.#recent.record(durationMs);
    this.#answers++;
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
   * Sends the query to the best circuit, and hedges on others while the answer is late. Settles with the first answer,
   * or when the last attempt fails. A suspect is not hedged, because each attempt may cost a connection.
   * @param suspicion the query's earlier losses; losses of this race are added
   */
  #race(
    query: Uint8Array,
    deadline: Deadline,
    suspicion: Suspicion,
    onAnswer: OnAnswer | undefined,
  ): Promise<Uint8Array> {
    const { clock, metrics, budget } = this.#components;
    const { index } = this.#init;
    return new Promise((resolve, reject) => {
      const asked = new Set(suspicion.failed);
      const isSuspect = suspicion.losses > 0;
      let running = 0;
      let won = false;
      let hedge: Timer | undefined;
      const ask = (circuit: Circuit, isHedge: boolean): void => {
        running++;
        asked.add(circuit);
        const sentAt = clock.now();
        if (isSuspect) this.#suspects.enter(circuit, suspicion);
        else {
          this.#suspects.accompany(circuit);
          hedge = clock.schedule(this.#hedgeDelayMs(), askNext);
        }
        circuit
          .exchange(query, deadline, (durationMs) => this.#noteAnswer(durationMs))
          .finally(() => this.#suspects.leave(circuit, suspicion))
          .then(
            (response) => {
              // What else was asked goes on, for what it says about its circuit.
              if (won) return;
              won = true;
              hedge?.cancel();
              if (isHedge) metrics.hedged(index, circuit.slot, 'won');
              onAnswer?.({ upstream: this.address, sentAt, secondTry: isHedge });
              resolve(response);
              this.#circuits.replaceSlowest();
            },
            (error: unknown) => {
              suspicion.failed.add(circuit);
              if (RETRIED.has(toDns4torError(error).code)) suspicion.lost(this.#answers, isSuspect, circuit.isOpen);
              if (--running > 0) return;
              hedge?.cancel();
              reject(error);
            },
          );
      };
      const askNext = (): void => {
        const next = this.#best(asked);
        if (suspicion.losses > 0 || next === undefined || !budget.spend()) return;
        metrics.hedged(index, next.slot, 'sent');
        ask(next, true);
      };
      ask(this.#first(suspicion.failed), false);
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
    await Promise.all([this.#apart[Symbol.asyncDispose](), this.#circuits[Symbol.asyncDispose]()]);
  }
}
