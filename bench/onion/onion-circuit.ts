import type { Random } from '../../src/lib/random.ts';
import { drawNormal } from './draws.ts';
import { createSeededRandom } from './seeded-random.ts';

/**
 * How long Cloudflare's onion took to answer 53,082 queries of the DoHoT paper (v3.1, 2020–21). The delays drawn here
 * are log-normal with this median and this 90th percentile. Because no response takes less than a round trip, the
 * median comes out 8 % higher.
 */
const MEDIAN_MS = 1563;
const P90_MS = 5535;
const P90_DEVIATE = 1.28155;

/** Half of the variance of the logarithm lies between circuits and half between the requests on one circuit. */
const LOG_DEVIATION = (Math.log(P90_MS / MEDIAN_MS) / P90_DEVIATE) * Math.SQRT1_2;

/** A SOCKS connect builds a rendezvous circuit, which takes about two typical response times. */
const CONNECT_FACTOR = 2;

/** Share of the round trip in the typical response time; the rest is the resolver's. */
const ROUND_TRIP_SHARE = 0.6;

const UNANSWERED_SHARE = 0.005;

/** Mean interval at which a drifting circuit changes its speed. Each circuit has its own, 0.5 to 1.5 times this. */
const DRIFT_MS = 45_000;

/**
 * Weights of the old speed and of a fresh draw. Their squares add up to 1, so the distribution over all circuits stays
 * the same.
 */
const DRIFT_OLD = 0.8;
const DRIFT_FRESH = 0.6;

/** The delays of one circuit to the onion service. */
export class OnionCircuit {
  readonly #requests: Random;
  readonly #drift: Random;
  #deviate: number;
  readonly driftMs: number;

  /** @param seed decides the circuit's speed, its drift and the delays of its requests */
  constructor(seed: number) {
    const random = createSeededRandom(seed);
    this.#deviate = drawNormal(random);
    this.driftMs = DRIFT_MS * (0.5 + random.fraction());
    this.#drift = createSeededRandom(random.fraction() * 2 ** 32);
    this.#requests = createSeededRandom(random.fraction() * 2 ** 32);
  }

  /** The current median response time on this circuit. */
  get typicalMs(): number {
    return MEDIAN_MS * Math.exp(this.#deviate * LOG_DEVIATION);
  }

  /** From a SOCKS request to its reply. */
  get connectMs(): number {
    return CONNECT_FACTOR * this.typicalMs;
  }

  get roundTripMs(): number {
    return ROUND_TRIP_SHARE * this.typicalMs;
  }

  /** Draws the resolver's time for the next request, without the round trip; Infinity if it never answers. */
  nextServerMs(): number {
    const isAnswered = this.#requests.fraction() >= UNANSWERED_SHARE;
    const responseMs = this.typicalMs * Math.exp(drawNormal(this.#requests) * LOG_DEVIATION);
    return isAnswered ? Math.max(0, responseMs - this.roundTripMs) : Infinity;
  }

  /** Changes the speed by one step of the drift. */
  change(): void {
    this.#deviate = DRIFT_OLD * this.#deviate + DRIFT_FRESH * drawNormal(this.#drift);
  }
}

/** A client's circuits in the order in which it builds them. They are the same for every client under one seed. */
export function* drawCircuits(seed: number): Generator<OnionCircuit, never> {
  const random = createSeededRandom(seed);
  for (;;) yield new OnionCircuit(random.fraction() * 2 ** 32);
}

/**
 * Quantile of the response times on one circuit, without hedging.
 * @param share of all queries, 0 to 1, including unanswered ones
 */
export function responseQuantileMs(typicalMs: number, deviateOf: (share: number) => number, share: number): number {
  const shareOfAnswered = share / (1 - UNANSWERED_SHARE);
  if (shareOfAnswered >= 1) return Infinity;
  const responseMs = typicalMs * Math.exp(deviateOf(shareOfAnswered) * LOG_DEVIATION);
  return Math.max(ROUND_TRIP_SHARE * typicalMs, responseMs);
}
