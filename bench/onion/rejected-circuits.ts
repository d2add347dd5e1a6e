import { createSeededRandom } from './seeded-random.ts';

const ONE_IN = 3;

/** Makes the draws independent of the circuits' speeds under the same seed. */
const SALT = 0x503;

/** Whether the resolver answers 503 on each circuit, in the order in which they are built: exactly one in three. */
export function* drawRejected(seed: number): Generator<boolean, never> {
  const random = createSeededRandom(seed ^ SALT);
  for (;;) {
    const place = Math.floor(random.fraction() * ONE_IN);
    for (let i = 0; i < ONE_IN; i++) yield i === place;
  }
}
