import type { Random } from '../lib/random.ts';

/** Hundreds of typical answers, and as much as the largest. */
const STEP_BYTES = 65_536;

/**
 * Shows how much memory something takes, so coarsely that one answer more or less does not show, not even to who adds answers of a known size
 * until the figure changes: it changes after a random distance of between half a step and one and a half, which is drawn anew each time.
 */
export class CoarseBytes {
  readonly #random: Random;
  readonly #maxBytes: number;
  #shown = 0;
  /** What was taken when `#shown` last changed. */
  #at = 0;
  #distance = 0;

  /** @param maxBytes what it can take at most, which the figure does not exceed */
  constructor(random: Random, maxBytes: number) {
    this.#random = random;
    this.#maxBytes = maxBytes;
  }

  /** The figure for `bytes`: 0 for none, else a multiple of 64 KiB or the maximum. */
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
