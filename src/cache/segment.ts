import type { Entry } from './entry.ts';

/**
 * A part of the cache with a budget of its own, which forgets by SIEVE (Zhang et al., NSDI 2024): a queue in order of arrival, and a hand
 * that walks from the oldest to the newest. The hand spares what was asked for since it came by last and evicts the first that was not.
 * A hit only sets a bit, and a flood of names that are asked for once passes through without pushing out what is used.
 */
export class Segment {
  readonly #maxBytes: number;
  readonly #onEvict: (entry: Entry) => void;
  #newest: Entry | undefined;
  #oldest: Entry | undefined;
  #hand: Entry | undefined;
  #bytes = 0;
  #entries = 0;

  /** @param onEvict called for each entry that the segment gives up by itself */
  constructor(maxBytes: number, onEvict: (entry: Entry) => void) {
    this.#maxBytes = maxBytes;
    this.#onEvict = onEvict;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get entries(): number {
    return this.#entries;
  }

  /** Whether an entry of this size can be kept at all. */
  fits(bytes: number): boolean {
    return bytes <= this.#maxBytes;
  }

  /** Adds an entry that fits, evicting as many as it takes. */
  add(entry: Entry): void {
    while (this.#bytes + entry.bytes > this.#maxBytes) this.#evict();
    entry.older = this.#newest;
    if (this.#newest !== undefined) this.#newest.newer = entry;
    this.#newest = entry;
    this.#oldest ??= entry;
    this.#bytes += entry.bytes;
    this.#entries++;
  }

  remove(entry: Entry): void {
    if (this.#hand === entry) this.#hand = entry.newer;
    if (entry.newer === undefined) this.#newest = entry.older;
    else entry.newer.older = entry.older;
    if (entry.older === undefined) this.#oldest = entry.newer;
    else entry.older.newer = entry.newer;
    entry.newer = undefined;
    entry.older = undefined;
    this.#bytes -= entry.bytes;
    this.#entries--;
  }

  #evict(): void {
    let candidate = this.#hand ?? this.#oldest;
    while (candidate?.visited) {
      candidate.visited = false;
      candidate = candidate.newer ?? this.#oldest;
    }
    if (candidate === undefined) return;
    this.#hand = candidate;
    this.remove(candidate);
    this.#onEvict(candidate);
  }
}
