/** What all space is counted in: a line of the CPU's cache holds four, and a double in one of them stands where doubles must. */
export const GRANULE_BYTES = 16;

/** A number that stands for no block. */
export const NONE = -1;

const GRANULE_BITS = 16;
const GRANULE_MASK = (1 << GRANULE_BITS) - 1;
const WORDS_PER_GRANULE = 4;
const DOUBLES_PER_GRANULE = 2;

/** 1 MiB: larger than any message, so that none is refused for the place where a chunk ends. */
export const MAX_CHUNK_GRANULES: number = 1 << GRANULE_BITS;

interface Chunk {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly doubles: Float64Array;
}

/**
 * The memory of the cache: a few large buffers outside V8's heap, so that the collector of garbage has nothing to follow in it, and no
 * page of it is in RAM before it is written to. A place in it is one number, a `block`: the chunk, and the granule there at which the
 * block begins. Nothing moves when it grows.
 */
export class Chunks {
  readonly #chunks: Chunk[] = [];

  /** Returns the block that is the whole of a new chunk. @param granules at most {@link MAX_CHUNK_GRANULES} */
  add(granules: number): number {
    const buffer = new ArrayBuffer(granules * GRANULE_BYTES);
    this.#chunks.push({
      bytes: new Uint8Array(buffer),
      words: new Int32Array(buffer),
      doubles: new Float64Array(buffer),
    });
    return (this.#chunks.length - 1) << GRANULE_BITS;
  }

  /** The `index`-th 32 bits of a block. */
  word(block: number, index: number): number {
    return this.#chunkOf(block).words[(block & GRANULE_MASK) * WORDS_PER_GRANULE + index] as number;
  }

  setWord(block: number, index: number, value: number): void {
    this.#chunkOf(block).words[(block & GRANULE_MASK) * WORDS_PER_GRANULE + index] = value;
  }

  /** The `index`-th 64 bits of a block, read as a double. */
  double(block: number, index: number): number {
    return this.#chunkOf(block).doubles[(block & GRANULE_MASK) * DOUBLES_PER_GRANULE + index] as number;
  }

  setDouble(block: number, index: number, value: number): void {
    this.#chunkOf(block).doubles[(block & GRANULE_MASK) * DOUBLES_PER_GRANULE + index] = value;
  }

  /** All octets of the chunk in which a block is. */
  bytesOf(block: number): Uint8Array {
    return this.#chunkOf(block).bytes;
  }

  /** Where among them the block begins. */
  byteOffsetOf(block: number): number {
    return (block & GRANULE_MASK) * GRANULE_BYTES;
  }

  /** How many granules there are from a block to the end of its chunk. */
  granulesFrom(block: number): number {
    return this.#chunkOf(block).bytes.length / GRANULE_BYTES - (block & GRANULE_MASK);
  }

  #chunkOf(block: number): Chunk {
    return this.#chunks[block >>> GRANULE_BITS] as Chunk;
  }
}
