/** The unit of space. A CPU cache line has four granules, and a double within one is aligned. */
export const GRANULE_BYTES = 16;

/** Means "no block". */
export const NONE = -1;

const GRANULE_BITS = 16;
const GRANULE_MASK = (1 << GRANULE_BITS) - 1;
const WORDS_PER_GRANULE = 4;
const DOUBLES_PER_GRANULE = 2;

/** 1 MiB: larger than any message, so any record fits into a chunk. */
export const MAX_CHUNK_GRANULES: number = 1 << GRANULE_BITS;

interface Chunk {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly doubles: Float64Array;
}

/**
 * The cache's memory: large buffers outside V8's heap, which the garbage collector does not scan. Their pages take no
 * RAM before they are written to. A block is identified by one number: its chunk and its first granule. See README.md.
 */
export class Chunks {
  readonly #chunks: Chunk[] = [];

  /** Adds a chunk. Returns the block that spans it. @param granules at most {@link MAX_CHUNK_GRANULES} */
  add(granules: number): number {
    const buffer = new ArrayBuffer(granules * GRANULE_BYTES);
    this.#chunks.push({
      bytes: new Uint8Array(buffer),
      words: new Int32Array(buffer),
      doubles: new Float64Array(buffer),
    });
    return (this.#chunks.length - 1) << GRANULE_BITS;
  }

  /** Word `index` of a block: 32 bits. */
  word(block: number, index: number): number {
    return this.#chunkOf(block).words[(block & GRANULE_MASK) * WORDS_PER_GRANULE + index] as number;
  }

  setWord(block: number, index: number, value: number): void {
    this.#chunkOf(block).words[(block & GRANULE_MASK) * WORDS_PER_GRANULE + index] = value;
  }

  /** Double `index` of a block: 64 bits. */
  double(block: number, index: number): number {
    return this.#chunkOf(block).doubles[(block & GRANULE_MASK) * DOUBLES_PER_GRANULE + index] as number;
  }

  setDouble(block: number, index: number, value: number): void {
    this.#chunkOf(block).doubles[(block & GRANULE_MASK) * DOUBLES_PER_GRANULE + index] = value;
  }

  /** All octets of the chunk that contains a block. */
  bytesOf(block: number): Uint8Array {
    return this.#chunkOf(block).bytes;
  }

  /** Offset of the block in {@link bytesOf}. */
  byteOffsetOf(block: number): number {
    return (block & GRANULE_MASK) * GRANULE_BYTES;
  }

  /** Number of granules from the start of a block to the end of its chunk. */
  granulesFrom(block: number): number {
    return this.#chunkOf(block).bytes.length / GRANULE_BYTES - (block & GRANULE_MASK);
  }

  #chunkOf(block: number): Chunk {
    return this.#chunks[block >>> GRANULE_BITS] as Chunk;
  }
}
