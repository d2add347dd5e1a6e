import { Arena } from './arena.ts';
import { type Chunks, NONE } from './chunks.ts';
import { WORD } from './stored-record.ts';

/**
 * A part of the cache with a budget of its own, which forgets by SIEVE (Zhang et al., NSDI 2024): a queue in order of arrival, and a hand
 * that walks from the oldest to the newest. The hand spares what was asked for since it came by last and evicts the first that was not.
 * A hit only sets a bit, and a flood of names that are asked for once passes through without pushing out what is used.
 */
export class Segment {
  readonly #chunks: Chunks;
  readonly #arena: Arena;
  readonly #onEvict: (record: number) => void;
  #newest = NONE;
  #oldest = NONE;
  #hand = NONE;
  #entries = 0;

  /** @param onEvict called for each record that the segment gives up by itself, while it can still be read */
  constructor(chunks: Chunks, maxBytes: number, onEvict: (record: number) => void) {
    this.#chunks = chunks;
    this.#arena = new Arena(chunks, maxBytes);
    this.#onEvict = onEvict;
  }

  get bytes(): number {
    return this.#arena.bytes;
  }

  get entries(): number {
    return this.#entries;
  }

  /**
   * Makes room for a record, evicting as many as it takes, and returns it as the newest: not visited, the rest of it for the caller to
   * write. NONE, with nothing evicted, for one that is larger than the segment.
   */
  add(bytes: number): number {
    if (!this.#arena.fits(bytes)) return NONE;
    let record = this.#arena.allocate(bytes);
    while (record === NONE) {
      this.#evict();
      record = this.#arena.allocate(bytes);
    }
    const chunks = this.#chunks;
    chunks.setWord(record, WORD.visited, 0);
    chunks.setWord(record, WORD.newer, NONE);
    chunks.setWord(record, WORD.older, this.#newest);
    if (this.#newest !== NONE) chunks.setWord(this.#newest, WORD.newer, record);
    this.#newest = record;
    if (this.#oldest === NONE) this.#oldest = record;
    this.#entries++;
    return record;
  }

  remove(record: number): void {
    const chunks = this.#chunks;
    const newer = chunks.word(record, WORD.newer);
    const older = chunks.word(record, WORD.older);
    if (this.#hand === record) this.#hand = newer;
    if (newer === NONE) this.#newest = older;
    else chunks.setWord(newer, WORD.older, older);
    if (older === NONE) this.#oldest = newer;
    else chunks.setWord(older, WORD.newer, newer);
    this.#arena.free(record);
    this.#entries--;
  }

  #evict(): void {
    const chunks = this.#chunks;
    let candidate = this.#hand === NONE ? this.#oldest : this.#hand;
    while (chunks.word(candidate, WORD.visited) !== 0) {
      chunks.setWord(candidate, WORD.visited, 0);
      const newer = chunks.word(candidate, WORD.newer);
      candidate = newer === NONE ? this.#oldest : newer;
    }
    this.#hand = candidate;
    this.#onEvict(candidate);
    this.remove(candidate);
  }
}
