import { NameHash } from './name-hash.ts';

/** What a list says about a name. Several lists can say different things. */
export const RULE = {
  /** The name itself is blocked. */
  block: 1,
  /** The name and all names below it are blocked. */
  blockBelow: 2,
  allow: 4,
  allowBelow: 8,
} as const;
/** Bits of {@link RULE}. */
export type Rule = (typeof RULE)[keyof typeof RULE];

const ALL_RULES = 0xf;
const FOR_NAME_AND_BELOW = RULE.blockBelow | RULE.allowBelow;

/** Share of the slots that are used at most. With linear probing, a name that is not there takes 2.5 looks at half. */
const MAX_LOAD = 0.6;
const MIN_SLOTS = 16;
/** A slot has two words: half of the hash, and the other half with the rules in its lowest four bits. */
const WORDS = 2;

const BLOCKED = RULE.block | RULE.blockBelow;
const ALLOWED = RULE.allow | RULE.allowBelow;

/** What the lists decide about a name. */
export type Verdict = 'blocked' | 'allowed' | undefined;

/**
 * The names of block lists and allow lists: an open-addressing table of 60-bit fingerprints, outside the JavaScript
 * heap. With a million names, one name in 10¹² that is not there seems to be.
 */
export class NameSet {
  readonly #hash: NameHash;
  readonly #slots: number;
  readonly #words: Int32Array;
  readonly #capacity: number;
  readonly #counts = { block: 0, allow: 0 };
  #used = 0;

  /**
   * @param key random octets, HASH_KEY_BYTES of them
   * @param capacity maximum number of names
   */
  constructor(key: Uint8Array, capacity: number) {
    this.#hash = new NameHash(key);
    this.#capacity = capacity;
    this.#slots = Math.max(MIN_SLOTS, Math.ceil(capacity / MAX_LOAD));
    this.#words = new Int32Array(WORDS * this.#slots);
  }

  /** Size of the table. */
  get bytes(): number {
    return this.#words.byteLength;
  }

  /** Numbers of different names in block lists and in allow lists. */
  get counts(): { readonly block: number; readonly allow: number } {
    return this.#counts;
  }

  /**
   * Adds a rule for the name at `start`, which is in wire form, valid and in lower case.
   * @throws RangeError if there are more names than the capacity
   */
  add(wire: Uint8Array, start: number, rule: Rule): void {
    const labels = this.#hash.hash(wire, start, true);
    const slot = this.#find(labels - 1);
    const words = this.#words;
    const earlier = words[slot + 1]! & ALL_RULES;
    if (earlier === 0) {
      if (this.#used === this.#capacity) throw new RangeError('more names than announced');
      this.#used++;
      words[slot] = this.#hash.words[WORDS * (labels - 1)]!;
      words[slot + 1] = this.#hash.words[WORDS * (labels - 1) + 1]! & ~ALL_RULES;
    }
    if ((rule & BLOCKED) !== 0 && (earlier & BLOCKED) === 0) this.#counts.block++;
    if ((rule & ALLOWED) !== 0 && (earlier & ALLOWED) === 0) this.#counts.allow++;
    words[slot + 1]! |= rule;
  }

  /** Judges the name at `start`, which is in wire form, valid and in lower case. An allow list outweighs all others. */
  judge(wire: Uint8Array, start: number): Verdict {
    if (this.#counts.block === 0) return undefined;
    const labels = this.#hash.hash(wire, start, false);
    let rules = 0;
    for (let i = 0; i < labels; i++) {
      const found = this.#words[this.#find(i) + 1]! & ALL_RULES;
      rules |= i === labels - 1 ? found : found & FOR_NAME_AND_BELOW;
    }
    if ((rules & ALLOWED) !== 0) return 'allowed';
    return (rules & BLOCKED) !== 0 ? 'blocked' : undefined;
  }

  /** The offset of the slot of the hash at `index`: an unused one if the name is not there. */
  #find(index: number): number {
    const first = this.#hash.words[WORDS * index]!;
    const second = this.#hash.words[WORDS * index + 1]! & ~ALL_RULES;
    const words = this.#words;
    let slot = Math.floor(((first >>> 0) / 2 ** 32) * this.#slots);
    for (;;) {
      const word = words[WORDS * slot + 1]!;
      if ((word & ALL_RULES) === 0) return WORDS * slot;
      if ((word & ~ALL_RULES) === second && words[WORDS * slot] === first) return WORDS * slot;
      if (++slot === this.#slots) slot = 0;
    }
  }
}
