import type { Random } from '../../src/lib/random.ts';

/** A deterministic random generator (mulberry32), so that a benchmark can be repeated. Not for secrets. */
export function createSeededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return {
    fraction: () => next() / 2 ** 32,
    bytes: (length) => Uint8Array.from({ length }, () => next() & 0xff),
  };
}
