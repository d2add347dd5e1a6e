import { Dns4torError } from '../../src/failures/errors.ts';
import type { Clock } from '../../src/lib/clock.ts';
import type { Deadline } from '../../src/lib/deadline.ts';
import type { Random } from '../../src/lib/random.ts';
import type { Breaker } from '../../src/upstream/pool/breaker.ts';
import type { ConnectionOwner } from '../../src/upstream/pool/connection.ts';
import type { ConnectionLike } from '../../src/upstream/pool/pooled-connection.ts';
import { answerTo } from './rig.ts';

/** Published response times of Cloudflare's onion service, in milliseconds: median and 90th percentile. */
const MEDIAN_MS = 1563;
const P90_MS = 5535;
const LOG_DEVIATION = Math.log(P90_MS / MEDIAN_MS) / 1.2816;
/** Half of the variance is between connections, half between queries on one connection. */
const PART = LOG_DEVIATION * Math.SQRT1_2;

/**
 * Durations as shares of a connection's typical response time. Opening takes two such times for the rendezvous, and a
 * round trip for TLS.
 */
const ROUND_TRIP_SHARE = 0.6;
const OPENING_SHARE = 2 + ROUND_TRIP_SHARE;

export interface NetworkInit {
  /** Share of queries that are never answered. @default 0.005 */
  readonly hangs?: number;
  /** Whether every response takes exactly the typical time of its connection. @default false */
  readonly isEven?: boolean;
  /** Mean time between changes of a connection's speed, in seconds. @default never */
  readonly driftSeconds?: number;
  /** Response of a connection instead of an answer, by its number from 0. */
  fault?: ((connection: number) => ((query: Uint8Array) => Uint8Array | Dns4torError) | undefined) | undefined;
  /** Whether opening a connection fails, by its number from 0. */
  readonly isUnopenable?: (connection: number) => boolean;
  /** Typical response time of a connection, by its number from 0. @default random */
  readonly typicalMs?: (connection: number) => number | undefined;
}

/** Connections with random speeds. Those that are slow to answer are also slow to open. */
export class SimulatedNetwork {
  readonly clock: Clock;
  readonly random: Random;
  readonly init: NetworkInit;
  /** All connections created so far. */
  readonly connections: SimulatedConnection[] = [];
  /** Number of queries sent, without pings. */
  queries = 0;

  constructor(clock: Clock, random: Random, init: NetworkInit = {}) {
    this.clock = clock;
    this.random = random;
    this.init = init;
  }

  /** The pool's breaker; undefined before the first connection. */
  breaker: Breaker | undefined;

  connect(owner: ConnectionOwner, breaker?: Breaker): ConnectionLike {
    this.breaker = breaker;
    const connection = new SimulatedConnection(this, owner, this.connections.length);
    this.connections.push(connection);
    return connection;
  }

  gauss(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.random.fraction()));
    return radius * Math.cos(2 * Math.PI * this.random.fraction());
  }
}

export class SimulatedConnection implements ConnectionLike {
  readonly #network: SimulatedNetwork;
  readonly #owner: ConnectionOwner;
  readonly number: number;
  #deviation: number;
  isOpen = false;
  isClosed = false;
  inFlight = 0;
  asked = 0;
  readonly #waiting = new Set<(error: Dns4torError) => void>();
  /** While true, queries are accepted and never answered. */
  isSilent = false;
  /** Share that each query in flight adds to the response time of a new one. */
  loadSensitivity = 0;

  constructor(network: SimulatedNetwork, owner: ConnectionOwner, number: number) {
    this.#network = network;
    this.#owner = owner;
    this.number = number;
    const given = network.init.typicalMs?.(number);
    this.#deviation = given === undefined ? PART * network.gauss() : Math.log(given / MEDIAN_MS);
  }

  get typicalMs(): number {
    return MEDIAN_MS * Math.exp(this.#deviation);
  }

  set typicalMs(ms: number) {
    this.#deviation = Math.log(ms / MEDIAN_MS);
  }

  get capacity(): number {
    return this.isOpen ? 100 - this.inFlight : 0;
  }

  open(): boolean {
    const { clock, init } = this.#network;
    const tookMs = OPENING_SHARE * this.typicalMs;
    if (init.isUnopenable?.(this.number) === true) {
      const error = new Dns4torError('ERR_TOR_TIMEOUT');
      clock.schedule(tookMs, () => this.#owner.onEnd('unopened') || this.#network.breaker?.recordFailure(error));
      return true;
    }
    clock.schedule(tookMs, () => {
      if (this.isClosed) return;
      this.isOpen = true;
      this.#owner.onOpen(tookMs);
    });
    if (init.driftSeconds !== undefined) this.#drift(init.driftSeconds);
    return true;
  }

  #drift(seconds: number): void {
    const { clock, random } = this.#network;
    clock.schedule(1000 * seconds * (0.5 + random.fraction()), () => {
      if (this.isClosed) return;
      this.#deviation = 0.8 * this.#deviation + 0.6 * PART * this.#network.gauss();
      this.#drift(seconds);
    });
  }

  ping(): void {
    const { clock } = this.#network;
    const tookMs = ROUND_TRIP_SHARE * this.typicalMs;
    if (!this.isSilent) clock.schedule(tookMs, () => this.isOpen && this.#owner.onRoundTrip(tookMs));
  }

  exchange(query: Uint8Array, deadline: Deadline): Promise<Uint8Array> {
    const { clock, random, init } = this.#network;
    this.#network.queries++;
    this.asked++;
    const load = 1 + this.loadSensitivity * this.inFlight++;
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const roundTripMs = ROUND_TRIP_SHARE * this.typicalMs;
    const fault = init.fault?.(this.number);
    const chance = init.isEven === true ? 1 : Math.exp(PART * this.#network.gauss());
    const tookMs = Math.max(roundTripMs, this.typicalMs * chance) * load;
    if (fault !== undefined) {
      const response = fault(query);
      clock.schedule(roundTripMs, () => (response instanceof Dns4torError ? reject(response) : resolve(response)));
    } else if (!this.isSilent && random.fraction() >= (init.hangs ?? 0.005)) {
      clock.schedule(tookMs, () => resolve(answerTo(query)));
    }
    this.#waiting.add(reject);
    return deadline.limit(promise).finally(() => {
      this.inFlight--;
      this.#waiting.delete(reject);
    });
  }

  stall(): void {
    this.isOpen = false;
    this.isClosed = true;
    this.#owner.onEnd('stalled');
    for (const reject of this.#waiting) reject(new Dns4torError('ERR_UPSTREAM_STALLED'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isOpen = false;
    this.isClosed = true;
  }
}
