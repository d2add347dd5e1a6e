import type { Random } from '../../src/lib/random.ts';

/**
 * How long Cloudflare's onion took to answer 53,082 queries of the DoHoT paper (v3.1, 2020–21): standard normal deviates of the published
 * quantiles (25, 50, 75, 90, 95 and 99 %), and milliseconds.
 */
const PUBLISHED: readonly (readonly [deviate: number, delayMs: number])[] = [
  [-0.67449, 876],
  [0, 1563],
  [0.67449, 2534],
  [1.28155, 5535],
  [1.64485, 6988],
  [2.32635, 9102],
];

const HANGING_CIRCUITS = 0.01;
const HANGING_REQUESTS = 0.005;

const MIN_SETUP_MS = 1000;
const MAX_SETUP_MS = 3000;

/** The way to the onion on one circuit. */
export interface CircuitDelays {
  /** Until a connection stands. */
  readonly setupMs: number;
  /** Whether nothing comes back on it once it is used. */
  readonly hangs: boolean;
  /** Until the next request is answered; Infinity for never. */
  next(): number;
}

/**
 * Shares of 0 to 1 that lie as evenly as `count` at a time can, in an order left to chance: with circuits drawn by them, a run that sees only
 * some dozens has its part of good and bad ones.
 */
export function* stratifiedFractions(random: Random, count: number): Generator<number, never> {
  for (;;) {
    const strata = Array.from({ length: count }, (_, stratum) => ({ stratum, order: random.fraction() }));
    for (const { stratum } of strata.toSorted((a, b) => a.order - b.order)) yield (stratum + random.fraction()) / count;
  }
}

/**
 * Draws one circuit. The published times are of many circuits and many requests; half of their variance, on the logarithmic scale, is taken
 * to belong to the circuit and half to the request, so that all requests on all circuits together are distributed as published.
 * @param rank the share of circuits that are faster than this one, 0 to 1
 */
export function drawCircuit(random: Random, rank: number): CircuitDelays {
  const setupMs = MIN_SETUP_MS + (MAX_SETUP_MS - MIN_SETUP_MS) * random.fraction();
  const hangs = random.fraction() < HANGING_CIRCUITS;
  const ofCircuit = normalDeviate(rank);
  return {
    setupMs,
    hangs,
    next() {
      const hangsNow = random.fraction() < HANGING_REQUESTS;
      const ofRequest = normalDeviate(random.fraction());
      return hangsNow ? Infinity : delayAt((ofCircuit + ofRequest) * Math.SQRT1_2);
    },
  };
}

/** The delay at a deviate: its logarithm runs straight between the published points, and on beyond the first and the last. */
export function delayAt(deviate: number): number {
  const after = PUBLISHED.findIndex(([point]) => point > deviate);
  const last = after === -1 ? PUBLISHED.length - 1 : Math.max(1, after);
  const [fromDeviate, fromMs] = PUBLISHED[last - 1] as readonly [number, number];
  const [toDeviate, toMs] = PUBLISHED[last] as readonly [number, number];
  return fromMs * (toMs / fromMs) ** ((deviate - fromDeviate) / (toDeviate - fromDeviate));
}

/**
 * The standard normal deviate below which the share `probability` (0 to 1) lies, to 0.0005 (Abramowitz and Stegun, 26.2.23); at 0 and 1 as
 * far out as 6.
 */
export function normalDeviate(probability: number): number {
  const tail = Math.max(1e-9, Math.min(probability, 1 - probability));
  const t = Math.sqrt(-2 * Math.log(tail));
  const numerator = 2.515517 + t * (0.802853 + t * 0.010328);
  const denominator = 1 + t * (1.432788 + t * (0.189269 + t * 0.001308));
  return Math.sign(probability - 0.5) * (t - numerator / denominator);
}
