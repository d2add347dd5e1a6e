import { type Chunks, GRANULE_BYTES, MAX_CHUNK_GRANULES, NONE } from './chunks.ts';

/** The words of a block that belong to the arena. `next` and `previous` only while the block is free. */
const WORD = {
  /** In granules; negative if the block is free. */
  size: 0,
  /** Size of the preceding block in the chunk; 0 if it is the first. */
  sizeBefore: 1,
  /** Neighbours in the free list. */
  next: 2,
  previous: 3,
} as const;

/** Number of words at the start of a block in use that belong to the arena. */
export const ARENA_WORDS = 2;

/** Below this size, in granules, each size has its own free list. From it on, each power of two has one. */
const EXACT_LISTS = 64;
const LISTS: number = EXACT_LISTS + Math.log2(MAX_CHUNK_GRANULES / EXACT_LISTS) + 1;

/** Maximum blocks to try in a list with several sizes before going to the next list. */
const MAX_TRIES = 8;

/** Number of granules that hold so many octets. */
export function granulesFor(bytes: number): number {
  return Math.ceil(bytes / GRANULE_BYTES);
}

/**
 * Allocates blocks in chunks, within a budget. Freed blocks are merged with free neighbours at once (boundary tags,
 * Knuth, TAOCP vol. 1 §2.5). Allocation takes a block from the free list with the smallest sizes that fit. See
 * README.md.
 */
export class Arena {
  readonly #chunks: Chunks;
  readonly #chunkGranules: number;
  #chunksLeft: number;
  readonly #lists: Int32Array = new Int32Array(LISTS).fill(NONE);
  #granules = 0;

  constructor(chunks: Chunks, maxBytes: number) {
    this.#chunks = chunks;
    const granules = Math.floor(maxBytes / GRANULE_BYTES);
    // All chunks have the same size. Otherwise the last could be too small for any record.
    this.#chunksLeft = Math.ceil(granules / MAX_CHUNK_GRANULES);
    this.#chunkGranules = this.#chunksLeft === 0 ? 0 : Math.floor(granules / this.#chunksLeft);
  }

  /** Total size of the blocks in use, in octets. */
  get bytes(): number {
    return this.#granules * GRANULE_BYTES;
  }

  /** Whether a block of this size can be allocated after freeing enough others. */
  fits(bytes: number): boolean {
    return granulesFor(bytes) <= this.#chunkGranules;
  }

  /**
   * Allocates a block, or returns NONE if none is free. Its contents are undefined.
   * @param bytes at least 1
   */
  allocate(bytes: number): number {
    const granules = granulesFor(bytes);
    let block = this.#find(granules);
    if (block === NONE) {
      if (this.#chunksLeft === 0 || granules > this.#chunkGranules) return NONE;
      block = this.#grow();
    }
    this.#unlist(block);
    this.#split(block, granules);
    this.#chunks.setWord(block, WORD.size, granules);
    this.#granules += granules;
    return block;
  }

  /** Frees a block in use. */
  free(block: number): void {
    const chunks = this.#chunks;
    let start = block;
    let size = chunks.word(block, WORD.size);
    this.#granules -= size;
    if (size < chunks.granulesFrom(block)) {
      const after = block + size;
      const afterSize = chunks.word(after, WORD.size);
      if (afterSize < 0) {
        this.#unlist(after);
        size -= afterSize;
      }
    }
    const sizeBefore = chunks.word(block, WORD.sizeBefore);
    if (sizeBefore > 0 && chunks.word(block - sizeBefore, WORD.size) < 0) {
      start = block - sizeBefore;
      this.#unlist(start);
      size += sizeBefore;
    }
    this.#list(start, size);
  }

  /** Adds a chunk. Returns its only block, which is free. */
  #grow(): number {
    const block = this.#chunks.add(this.#chunkGranules);
    this.#chunksLeft--;
    this.#list(block, this.#chunkGranules);
    return block;
  }

  /** Shortens a free block that is in no list. The rest becomes a free block. */
  #split(block: number, granules: number): void {
    const left = -this.#chunks.word(block, WORD.size) - granules;
    if (left === 0) return;
    const rest = block + granules;
    this.#chunks.setWord(rest, WORD.sizeBefore, granules);
    this.#list(rest, left);
  }

  /** A free block of at least this size, still in its list; NONE without one. */
  #find(granules: number): number {
    const chunks = this.#chunks;
    const list = listOf(granules);
    let block = this.#lists[list] as number;
    for (let tries = 0; block !== NONE && tries < MAX_TRIES; tries++) {
      if (-chunks.word(block, WORD.size) >= granules) return block;
      block = chunks.word(block, WORD.next);
    }
    for (let larger = list + 1; larger < LISTS; larger++) {
      const first = this.#lists[larger] as number;
      if (first !== NONE) return first;
    }
    return NONE;
  }

  /** Marks a block as free, adds it to its list, and tells the following block its size. */
  #list(block: number, granules: number): void {
    const chunks = this.#chunks;
    const list = listOf(granules);
    const next = this.#lists[list] as number;
    chunks.setWord(block, WORD.size, -granules);
    chunks.setWord(block, WORD.next, next);
    chunks.setWord(block, WORD.previous, NONE);
    if (next !== NONE) chunks.setWord(next, WORD.previous, block);
    this.#lists[list] = block;
    if (granules < chunks.granulesFrom(block)) chunks.setWord(block + granules, WORD.sizeBefore, granules);
  }

  #unlist(block: number): void {
    const chunks = this.#chunks;
    const next = chunks.word(block, WORD.next);
    const previous = chunks.word(block, WORD.previous);
    if (next !== NONE) chunks.setWord(next, WORD.previous, previous);
    if (previous !== NONE) chunks.setWord(previous, WORD.next, next);
    else this.#lists[listOf(-chunks.word(block, WORD.size))] = next;
  }
}

/** The free list for blocks of this size. */
function listOf(granules: number): number {
  if (granules < EXACT_LISTS) return granules;
  return EXACT_LISTS + 25 - Math.clz32(granules);
}
