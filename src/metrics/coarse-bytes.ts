import type { Random } from '../lib/random.ts';
import { BYTES_PER_KIB } from '../lib/units.ts';

/** Room for hundreds of typical answers, or for one of maximum size. */
const STEP_BYTES: number = 64 * BYTES_PER_KIB;

/**
 * Shows memory use so coarsely that no single answer is visible. The figure changes after a random distance between
 * half a step and one and a half steps, drawn anew each time. Otherwise somebody could add answers of known size until
 * the figure changes, and measure the next answer.
 */
export class CoarseBytes {
  readonly #random: Random;
  readonly #maxBytes: number;
  #shown = 0;
  /** Bytes in use when `#shown` last changed. */
  #at = 0;
  #distance = 0;

  /** @param maxBytes upper bound of the figure, in bytes */
  constructor(random: Random, maxBytes: number) {
    this.#random = random;
    this.#maxBytes = maxBytes;
  }

  /** The figure for `bytes`: 0 for 0, otherwise a multiple of 64 KiB or the maximum. */
  show(bytes: number): number {
    if (bytes === 0) {
      this.#shown = 0;
    } else if (this.#shown === 0 || Math.abs(bytes - this.#at) >= this.#distance) {
      this.#at = bytes;
      this.#distance = STEP_BYTES * (0.5 + this.#random.fraction());
      this.#shown = Math.min(this.#maxBytes, Math.ceil(bytes / STEP_BYTES) * STEP_BYTES);
    }
    return this.#shown;
  }
}
