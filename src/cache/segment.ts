import { Arena } from './arena.ts';
import { type Chunks, NONE } from './chunks.ts';
import { WORD } from './stored-record.ts';

/**
 * A part of the cache with its own budget and SIEVE eviction (Zhang et al., NSDI 2024). Records form a queue in order
 * of insertion. A hand moves from the oldest to the newest: it spares records that had a hit since it last passed and
 * evicts the first without. A hit only sets a bit, and a flood of one-time names does not evict records in use.
 */
export class Segment {
  readonly #chunks: Chunks;
  readonly #arena: Arena;
  readonly #onEvict: (record: number) => void;
  #newest = NONE;
  #oldest = NONE;
  #hand = NONE;
  /** The next record of the walk. */
  #walk = NONE;
  #entries = 0;

  /** @param onEvict called for each record that is evicted, while it is still readable */
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
   * Adds a record, evicting others to make room. The caller writes its contents. Returns NONE and evicts nothing if the
   * record can never fit.
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

  /** Removes a record without calling `onEvict`. */
  remove(record: number): void {
    const chunks = this.#chunks;
    const newer = chunks.word(record, WORD.newer);
    const older = chunks.word(record, WORD.older);
    if (this.#hand === record) this.#hand = newer;
    if (this.#walk === record) this.#walk = older;
    if (newer === NONE) this.#newest = older;
    else chunks.setWord(newer, WORD.older, older);
    if (older === NONE) this.#oldest = newer;
    else chunks.setWord(older, WORD.newer, newer);
    this.#arena.free(record);
    this.#entries--;
  }

  /** Starts a walk over the records that exist now, from the newest to the oldest. It replaces an earlier walk. */
  startWalk(): void {
    this.#walk = this.#newest;
  }

  /**
   * The next record of the walk; NONE after the last. Any record may be removed between calls. Records that are added
   * meanwhile are newer, so the walk does not reach them, and it always ends.
   */
  walk(): number {
    const record = this.#walk;
    if (record !== NONE) this.#walk = this.#chunks.word(record, WORD.older);
    return record;
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
