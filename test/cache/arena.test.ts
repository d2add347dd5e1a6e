import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ARENA_WORDS, Arena } from '../../src/cache/arena.ts';
import { Chunks, GRANULE_BYTES, MAX_CHUNK_GRANULES, NONE } from '../../src/cache/chunks.ts';

const RUNS = 300;
const CHUNK_BYTES = MAX_CHUNK_GRANULES * GRANULE_BYTES;

interface Block {
  readonly block: number;
  readonly granules: number;
  readonly mark: number;
}

/** An arena, and a model of its blocks in use. Each block is filled with its own mark. */
class Rig {
  readonly chunks = new Chunks();
  readonly arena: Arena;
  readonly used: Block[] = [];
  #marks = 0;

  constructor(maxBytes: number) {
    this.arena = new Arena(this.chunks, maxBytes);
  }

  allocate(bytes: number): boolean {
    const block = this.arena.allocate(bytes);
    if (block === NONE) return false;
    const added: Block = { block, granules: Math.ceil(bytes / GRANULE_BYTES), mark: ++this.#marks };
    for (let i = ARENA_WORDS; i < added.granules * 4; i++) this.chunks.setWord(block, i, added.mark);
    this.used.push(added);
    return true;
  }

  free(index: number): void {
    const [removed] = this.used.splice(index, 1);
    assert.ok(removed);
    this.#check(removed);
    this.arena.free(removed.block);
  }

  freeAll(): void {
    while (this.used.length > 0) this.free((this.used.length * 7 + 3) % this.used.length);
  }

  check(): void {
    for (const block of this.used) this.#check(block);
    const granules = this.used.reduce((sum, block) => sum + block.granules, 0);
    assert.equal(this.arena.bytes, granules * GRANULE_BYTES);
  }

  #check({ block, granules, mark }: Block): void {
    assert.equal(this.chunks.word(block, 0), granules, 'the size in its boundary tag');
    for (let i = ARENA_WORDS; i < granules * 4; i++) assert.equal(this.chunks.word(block, i), mark, 'blocks overlap');
  }
}

const step = fc.oneof(
  fc.record({ kind: fc.constant('allocate' as const), bytes: fc.integer({ min: 16, max: 400 }) }),
  fc.record({ kind: fc.constant('allocate' as const), bytes: fc.integer({ min: 1000, max: 6000 }) }),
  fc.record({ kind: fc.constant('free' as const), which: fc.nat() }),
  fc.record({ kind: fc.constant('free' as const), which: fc.nat() }),
);

test('blocks in use never overlap and keep their contents, and all space is available again once they are freed', () => {
  const property = fc.property(
    fc.integer({ min: 16, max: 20_000 }),
    fc.array(step, { minLength: 20, maxLength: 150, size: 'max' }),
    (maxBytes, script) => {
      const rig = new Rig(maxBytes);
      for (const what of script) {
        if (what.kind === 'free') {
          if (rig.used.length > 0) rig.free(what.which % rig.used.length);
        } else if (!rig.allocate(what.bytes) && rig.used.length === 0) {
          assert.ok(!rig.arena.fits(what.bytes), 'a block that fits can be allocated in an empty arena');
        }
        assert.ok(rig.arena.bytes <= maxBytes);
      }
      rig.check();
      rig.freeAll();
      const whole = Math.floor(maxBytes / GRANULE_BYTES) * GRANULE_BYTES;
      assert.equal(rig.arena.bytes, 0);
      assert.ok(rig.allocate(whole) && !rig.allocate(1));
      rig.check();
    },
  );
  fc.assert(property, { seed: 1, numRuns: RUNS });
});

test('a freed block is reused first', () => {
  const rig = new Rig(10_000);
  for (let i = 0; i < 5; i++) rig.allocate(100);
  const freed = rig.used[2]?.block;
  rig.free(2);
  rig.allocate(97);
  assert.equal(rig.used.at(-1)?.block, freed);
});

test('freed neighbours are merged, in any order', () => {
  for (const order of [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ]) {
    const { arena } = new Rig(4 * 160);
    const blocks = [0, 1, 2, 3].map(() => arena.allocate(160));
    for (const number of order) arena.free(blocks[number] as number);
    assert.equal(arena.allocate(3 * 160), blocks[0]);
    assert.equal(arena.allocate(16), NONE);
  }
});

test('it grows by chunks of equal size within its budget, and a block as large as a chunk fits', () => {
  const rig = new Rig(2.5 * CHUNK_BYTES);
  const chunkBytes = Math.floor((2.5 * CHUNK_BYTES) / 3 / GRANULE_BYTES) * GRANULE_BYTES;
  assert.deepEqual([rig.arena.fits(chunkBytes), rig.arena.fits(chunkBytes + 1)], [true, false]);
  assert.deepEqual(
    [0, 1, 2, 3].map(() => rig.allocate(chunkBytes)),
    [true, true, true, false],
  );
  rig.check();
  rig.freeAll();
  let blocks = 0;
  while (rig.allocate(1000)) blocks++;
  assert.equal(blocks, 3 * Math.floor(chunkBytes / 1008));
});

test('two arenas share chunks, but never a block', () => {
  const chunks = new Chunks();
  const [one, other] = [new Arena(chunks, 3200), new Arena(chunks, 3200)];
  const blocks = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? one : other).allocate(320));
  assert.equal(new Set(blocks).size, 20);
  assert.deepEqual([one.allocate(1), other.allocate(1)], [NONE, NONE]);
});

test('with mixed sizes and SIEVE eviction, fragmentation costs a small part of the space', (t) => {
  const arena = new Arena(new Chunks(), CHUNK_BYTES);
  const random = seeded();
  // In order of insertion. Blocks that the hand has spared are at the end: they are older than new ones.
  let used: number[] = [];
  let spared: number[] = [];
  let sum = 0;
  for (let i = 0; i < 60_000; i++) {
    // Like answers: most have few records, some have many.
    const bytes = 128 + Math.floor(random() * 160) + (random() < 0.05 ? Math.floor(random() * 3000) : 0);
    let block = arena.allocate(bytes);
    while (block === NONE) {
      const candidate = used.shift();
      if (candidate === undefined) {
        used = spared;
        spared = [];
      } else if (random() < 0.3) spared.push(candidate);
      else arena.free(candidate);
      block = arena.allocate(bytes);
    }
    used.push(block);
    if (i >= 20_000) sum += arena.bytes / CHUNK_BYTES;
  }
  const mean = sum / 40_000;
  t.diagnostic(`${(100 * mean).toFixed(1)} % in use`);
  assert.ok(mean > 0.75);
});

/** Numbers in [0, 1), the same in every run (Park and Miller's generator). */
function seeded(): () => number {
  let state = 1;
  return () => {
    state = (state * 48_271) % 0x7fff_ffff;
    return state / 0x7fff_ffff;
  };
}
