import { type Chunks, NONE } from './chunks.ts';
import { WORD } from './stored-record.ts';

const FIRST_SLOTS = 16;

/**
 * Records by the hash of their question. Each slot starts a chain that the records continue. The table doubles when it
 * has more records than slots, which keeps chains short. It never shrinks.
 */
export class HashTable {
  readonly #chunks: Chunks;
  #slots: Int32Array = new Int32Array(FIRST_SLOTS).fill(NONE);
  #records = 0;

  constructor(chunks: Chunks) {
    this.#chunks = chunks;
  }

  /** The first record that may have this hash. The others follow through `nextInBucket`, up to NONE. */
  first(hash: number): number {
    return this.#slots[hash & (this.#slots.length - 1)] as number;
  }

  /** Adds a record that contains its hash. */
  add(record: number): void {
    if (this.#records === this.#slots.length) this.#grow();
    this.#records++;
    this.#link(record);
  }

  remove(record: number): void {
    const chunks = this.#chunks;
    const hash = chunks.word(record, WORD.hash);
    const next = chunks.word(record, WORD.nextInBucket);
    this.#records--;
    let before = this.first(hash);
    if (before === record) {
      this.#slots[hash & (this.#slots.length - 1)] = next;
      return;
    }
    let following = chunks.word(before, WORD.nextInBucket);
    while (following !== record) {
      before = following;
      following = chunks.word(before, WORD.nextInBucket);
    }
    chunks.setWord(before, WORD.nextInBucket, next);
  }

  #link(record: number): void {
    const slot = this.#chunks.word(record, WORD.hash) & (this.#slots.length - 1);
    this.#chunks.setWord(record, WORD.nextInBucket, this.#slots[slot] as number);
    this.#slots[slot] = record;
  }

  #grow(): void {
    const earlier = this.#slots;
    this.#slots = new Int32Array(2 * earlier.length).fill(NONE);
    for (const first of earlier) {
      let record = first;
      while (record !== NONE) {
        const next = this.#chunks.word(record, WORD.nextInBucket);
        this.#link(record);
        record = next;
      }
    }
  }
}
