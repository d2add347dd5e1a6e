import { randomBytes, randomFillSync } from 'node:crypto';

/** The only source of randomness. Tests pass a seeded one. */
export interface Random {
  /** Uniform in [0, 1). */
  fraction(): number;
  /** `length` unpredictable bytes. */
  bytes(length: number): Uint8Array;
}

const WORD_BYTES = 4;

/** Bytes per request to the operating system: four cost as much as all of these. */
const POOL_BYTES = 1024;

/** Cryptographically strong randomness from the operating system. */
export const systemRandom: Random = createSystemRandom();

function createSystemRandom(): Random {
  const pool = Buffer.alloc(POOL_BYTES);
  let used = POOL_BYTES;
  return {
    fraction() {
      if (used === POOL_BYTES) {
        randomFillSync(pool);
        used = 0;
      }
      const word = pool.readUInt32BE(used);
      used += WORD_BYTES;
      return word / 2 ** 32;
    },
    bytes: (length) => randomBytes(length),
  };
}
