import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Chunks, NONE } from '../../src/cache/chunks.ts';
import { Segment } from '../../src/cache/segment.ts';
import { WORD } from '../../src/cache/stored-record.ts';

const SIZE = 192;

/** A segment with space for `places` records, identified by the order in which they were added: 0, 1, 2, … */
class Rig {
  readonly segment: Segment;
  readonly evicted: number[] = [];
  readonly #chunks = new Chunks();
  readonly #records = new Map<number, number>();
  #added = 0;

  constructor(places: number) {
    this.segment = new Segment(this.#chunks, places * SIZE, (record) => this.evicted.push(this.#numberOf(record)));
  }

  add(count: number, bytes: number = SIZE): void {
    for (let i = 0; i < count; i++) {
      const record = this.segment.add(bytes);
      assert.notEqual(record, NONE);
      // Blocks are reused. Records are identified by a word that the cache would write.
      this.#chunks.setWord(record, WORD.hash, this.#added);
      this.#records.set(this.#added, record);
      this.#added++;
    }
  }

  visit(...numbers: readonly number[]): void {
    for (const number of numbers) this.#chunks.setWord(this.#record(number), WORD.visited, 1);
  }

  visited(number: number): boolean {
    return this.#chunks.word(this.#record(number), WORD.visited) !== 0;
  }

  remove(number: number): void {
    this.segment.remove(this.#record(number));
  }

  #record(number: number): number {
    return this.#records.get(number) as number;
  }

  #numberOf(record: number): number {
    return this.#chunks.word(record, WORD.hash);
  }
}

test('nothing is evicted while there is space', () => {
  const rig = new Rig(3);
  rig.add(3);
  assert.deepEqual([rig.segment.entries, rig.segment.bytes, rig.evicted], [3, 3 * SIZE, []]);
});

test('records without hits are evicted in order of insertion', () => {
  const rig = new Rig(3);
  rig.add(5);
  assert.deepEqual([rig.segment.entries, rig.segment.bytes, rig.evicted], [3, 3 * SIZE, [0, 1]]);
});

test('the hand spares a record with a hit once, and evicts it the next time unless it had another', () => {
  const rig = new Rig(4);
  rig.add(4);
  rig.visit(0, 1);
  rig.add(1);
  assert.deepEqual([rig.evicted, rig.visited(0), rig.visited(1)], [[2], false, false]);
  rig.add(2);
  assert.deepEqual(rig.evicted, [2, 3, 4]);
  rig.visit(5, 6);
  rig.add(1);
  assert.deepEqual(rig.evicted, [2, 3, 4, 0]);
});

test('if all records had hits, the hand goes round once and evicts the oldest', () => {
  const rig = new Rig(3);
  rig.add(3);
  rig.visit(0, 1, 2);
  rig.add(1);
  assert.deepEqual(rig.evicted, [0]);
});

test('a flood of records without hits does not evict those with', () => {
  const rig = new Rig(10);
  rig.add(5);
  rig.visit(0, 1, 2, 3, 4);
  rig.add(1000);
  assert.equal(rig.evicted.length, 995);
  assert.deepEqual(rig.evicted.slice(0, 2), [5, 6]);
});

test('a larger record replaces several others within the budget', () => {
  const rig = new Rig(4);
  rig.add(4);
  rig.add(1, 2.5 * SIZE);
  assert.deepEqual([rig.evicted, rig.segment.bytes], [[0, 1, 2], 3.5 * SIZE]);
});

test('a record as large as the budget fits, a larger one does not', () => {
  const { segment, evicted } = new Rig(1);
  assert.notEqual(segment.add(SIZE), NONE);
  assert.equal(segment.add(SIZE + 1), NONE);
  assert.deepEqual([evicted, segment.entries], [[], 1]);
});

test('after any removal, the rest is evicted in order', () => {
  for (const removed of [0, 1, 2]) {
    const rig = new Rig(3);
    rig.add(3);
    rig.remove(removed);
    assert.deepEqual([rig.segment.entries, rig.segment.bytes, rig.evicted], [2, 2 * SIZE, []]);
    rig.add(3);
    assert.deepEqual(
      rig.evicted,
      [0, 1, 2].filter((number) => number !== removed),
    );
  }
});

test('removing the record at the hand moves the hand forward', () => {
  const rig = new Rig(4);
  rig.add(4);
  rig.visit(0);
  rig.add(1);
  assert.deepEqual(rig.evicted, [1]);
  rig.remove(2);
  rig.add(2);
  assert.deepEqual(rig.evicted, [1, 3]);
});

test('removing the newest record at the hand moves the hand to the oldest', () => {
  const rig = new Rig(3);
  rig.add(3);
  rig.visit(0);
  rig.add(2);
  assert.deepEqual(rig.evicted, [1, 2]);
  rig.remove(4);
  rig.remove(3);
  rig.add(3);
  assert.deepEqual([rig.evicted, rig.segment.entries], [[1, 2, 0], 3]);
});

test('an emptied segment can be filled again', () => {
  const rig = new Rig(2);
  rig.add(2);
  rig.remove(1);
  rig.remove(0);
  assert.deepEqual([rig.segment.entries, rig.segment.bytes], [0, 0]);
  rig.add(3);
  assert.deepEqual(rig.evicted, [2]);
});
