import { randomBytes } from 'node:crypto';

/** The only source of chance. Tests pass a seeded one. */
export interface Random {
  /** Uniform in [0, 1). */
  fraction(): number;
  /** `length` unpredictable bytes. */
  bytes(length: number): Uint8Array;
}

/** Cryptographically strong, from the operating system. */
export const systemRandom: Random = {
  fraction: () => randomBytes(4).readUInt32BE() / 2 ** 32,
  bytes: (length) => randomBytes(length),
};
