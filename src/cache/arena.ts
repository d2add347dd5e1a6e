import { type Chunks, GRANULE_BYTES, MAX_CHUNK_GRANULES, NONE } from './chunks.ts';

/** The words of a block that are the arena's, the first two of it, in use or free. */
const WORD = {
  /** In granules; negative for a block that is free. */
  size: 0,
  /** The size of the block before it in the chunk; 0 at the beginning. */
  sizeBefore: 1,
  /** Of a free block: its neighbours in its list. */
  next: 2,
  previous: 3,
} as const;

/** How many of a block's words its user leaves alone. */
export const ARENA_WORDS = 2;

/** Below this, in granules, free blocks have a list for each size; from there on for each power of two. */
const EXACT_LISTS = 64;
const LISTS: number = EXACT_LISTS + Math.log2(MAX_CHUNK_GRANULES / EXACT_LISTS) + 1;

/** How many blocks of a list with several sizes are looked at before the next list has its turn. */
const MAX_TRIES = 8;

export function granulesFor(bytes: number): number {
  return Math.ceil(bytes / GRANULE_BYTES);
}

/**
 * Hands out blocks of chunks, and takes them back, within a budget. A block that is given back is joined at once with those beside it that
 * are free (boundary tags, Knuth, TAOCP vol. 1 §2.5), and the smallest list that has a block large enough gives the next.
 *
 * Gaps cost room, never memory: the chunks are all there is, and whoever finds no room gives blocks back until there is. That ends, because
 * an arena of which nothing is in use consists of whole chunks again.
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
    // Of one size, so that the last is no remainder into which nothing fits.
    this.#chunksLeft = Math.ceil(granules / MAX_CHUNK_GRANULES);
    this.#chunkGranules = this.#chunksLeft === 0 ? 0 : Math.floor(granules / this.#chunksLeft);
  }

  /** What the blocks in use take. */
  get bytes(): number {
    return this.#granules * GRANULE_BYTES;
  }

  /** Whether a block of this size can be had once enough others were given back. */
  fits(bytes: number): boolean {
    return granulesFor(bytes) <= this.#chunkGranules;
  }

  /** The size of a block in use. */
  bytesOf(block: number): number {
    return this.#chunks.word(block, WORD.size) * GRANULE_BYTES;
  }

  /** A block of at least so many octets, at least one; NONE where there is no room. What is in it is left from before. */
  allocate(bytes: number): number {
    const granules = granulesFor(bytes);
    let block = this.#find(granules);
    if (block === NONE) {
      if (this.#chunksLeft === 0 || granules > this.#chunkGranules) return NONE;
      block = this.#grow();
    }
    this.#unlist(block);
    this.#cut(block, granules);
    this.#chunks.setWord(block, WORD.size, granules);
    this.#granules += granules;
    return block;
  }

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

  #grow(): number {
    const block = this.#chunks.add(this.#chunkGranules);
    this.#chunksLeft--;
    this.#list(block, this.#chunkGranules);
    return block;
  }

  /** Gives the end of a block, which is in no list, back where it is not needed. */
  #cut(block: number, granules: number): void {
    const left = -this.#chunks.word(block, WORD.size) - granules;
    if (left === 0) return;
    const rest = block + granules;
    this.#chunks.setWord(rest, WORD.sizeBefore, granules);
    this.#list(rest, left);
  }

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

  /** Makes a block one that is free, which the block behind it and its list know. */
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

function listOf(granules: number): number {
  if (granules < EXACT_LISTS) return granules;
  return EXACT_LISTS + 25 - Math.clz32(granules);
}
