import { createSeededRandom } from './seeded-random.ts';

const ONE_IN = 3;

/** So that the draws have nothing to do with the circuits' speeds under the same seed. */
const SALT = 0x503;

/**
 * Whether the resolver turns each circuit away, in the order in which they are built: exactly one of each three in a
 * row.
 */
export function* drawTurnedAway(seed: number): Generator<boolean, never> {
  const random = createSeededRandom(seed ^ SALT);
  for (;;) {
    const place = Math.floor(random.fraction() * ONE_IN);
    for (let i = 0; i < ONE_IN; i++) yield i === place;
  }
}
