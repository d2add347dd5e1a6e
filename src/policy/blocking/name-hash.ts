/*
 * HalfSipHash-2-4 with 64 bits (Aumasson, Bernstein: "SipHash: a fast short-input PRF", reference code in C). With a
 * random key, nobody who writes a list can choose names whose hashes collide with those of others.
 */

/** Size of the key. */
export const HASH_KEY_BYTES = 8;

/** Maximum labels of a name with 255 octets, without the root. */
const MAX_LABELS = 127;

/**
 * Hashes names in wire form, from their end to their start, so that one pass yields the hash of the name and of each
 * of its ancestors. The results are in one buffer: they are valid until the next call.
 */
export class NameHash {
  readonly #key0: number;
  readonly #key1: number;
  /** Two words per label, from the top-level domain on: the hash of the name that begins with the label. */
  readonly words: Int32Array = new Int32Array(2 * MAX_LABELS);
  readonly #starts = new Uint8Array(MAX_LABELS);
  readonly #state = new Int32Array(4);

  /** @param key {@link HASH_KEY_BYTES} random octets */
  constructor(key: Uint8Array) {
    const view = new DataView(key.buffer, key.byteOffset, HASH_KEY_BYTES);
    this.#key0 = view.getInt32(0, true);
    this.#key1 = view.getInt32(4, true);
  }

  /**
   * Hashes the name at `start`, which is valid, uncompressed and in lower case.
   * @param onlyWhole whether to skip the hashes of its ancestors
   * @returns the number of its labels; the hash of the whole name is the last in {@link words}
   */
  hash(wire: Uint8Array, start: number, onlyWhole: boolean): number {
    const starts = this.#starts;
    let labels = 0;
    let end = start;
    for (let length = wire[end] as number; length !== 0 && labels < MAX_LABELS; length = wire[end] as number) {
      starts[labels++] = end - start;
      end += 1 + length;
    }
    this.#begin();
    const state = this.#state;
    let word = 0;
    let octets = 0;
    let next = labels - 1;
    for (let i = end - 1; i >= start; i--) {
      word |= (wire[i] as number) << (8 * (octets & 3));
      octets++;
      if ((octets & 3) === 0) {
        state[3]! ^= word;
        sipRound(state);
        sipRound(state);
        state[0]! ^= word;
        word = 0;
      }
      if (i - start !== starts[next]) continue;
      if (!onlyWhole || next === 0) this.#finish(labels - 1 - next, word | (octets << 24));
      next--;
    }
    return labels;
  }

  #begin(): void {
    const state = this.#state;
    state[0] = this.#key0;
    state[1] = this.#key1 ^ 0xee;
    state[2] = 0x6c79_6765 ^ this.#key0;
    state[3] = 0x7465_6462 ^ this.#key1;
  }

  /** Writes the hash of the octets so far, and leaves the state for more. */
  #finish(index: number, last: number): void {
    const state = this.#state;
    const [v0 = 0, v1 = 0, v2 = 0, v3 = 0] = state;
    state[3]! ^= last;
    sipRound(state);
    sipRound(state);
    state[0]! ^= last;
    state[2]! ^= 0xee;
    for (let i = 0; i < 4; i++) sipRound(state);
    this.words[2 * index] = state[1]! ^ state[3]!;
    state[1]! ^= 0xdd;
    for (let i = 0; i < 4; i++) sipRound(state);
    this.words[2 * index + 1] = state[1]! ^ state[3]!;
    state[0] = v0;
    state[1] = v1;
    state[2] = v2;
    state[3] = v3;
  }
}

function sipRound(state: Int32Array): void {
  let v0 = state[0]!;
  let v1 = state[1]!;
  let v2 = state[2]!;
  let v3 = state[3]!;
  v0 = (v0 + v1) | 0;
  v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
  v0 = (v0 << 16) | (v0 >>> 16);
  v2 = (v2 + v3) | 0;
  v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
  v0 = (v0 + v3) | 0;
  v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
  v2 = (v2 + v1) | 0;
  v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
  v2 = (v2 << 16) | (v2 >>> 16);
  state[0] = v0;
  state[1] = v1;
  state[2] = v2;
  state[3] = v3;
}
