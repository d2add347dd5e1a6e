import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEntry, type Entry } from '../../src/cache/entry.ts';
import { Segment } from '../../src/cache/segment.ts';
import { dataAnswer } from './cached.ts';

const ANSWER = dataAnswer('example.com');
const SIZE = createEntry(0, 0, ANSWER, 0, 1, 0).bytes;

/** A segment with room for `places` entries, which are known by the order in which they were added: 0, 1, 2, … */
class Rig {
  readonly segment: Segment;
  readonly evicted: number[] = [];
  readonly #entries: Entry[] = [];

  constructor(places: number) {
    this.segment = new Segment(places * SIZE, (entry) => this.evicted.push(entry.hash));
  }

  add(count: number, bytes: number = SIZE): void {
    for (let i = 0; i < count; i++) {
      const entry = { ...createEntry(this.#entries.length, 0, ANSWER, 0, 1, 0), bytes };
      this.#entries.push(entry);
      this.segment.add(entry);
    }
  }

  visit(...numbers: readonly number[]): void {
    for (const number of numbers) this.#entry(number).visited = true;
  }

  visited(number: number): boolean {
    return this.#entry(number).visited;
  }

  remove(number: number): void {
    this.segment.remove(this.#entry(number));
  }

  #entry(number: number): Entry {
    return this.#entries[number] as Entry;
  }
}

test('nothing is given up while there is room', () => {
  const rig = new Rig(3);
  rig.add(3);
  assert.deepEqual([rig.segment.entries, rig.segment.bytes, rig.evicted], [3, 3 * SIZE, []]);
});

test('what was never asked for goes in order of arrival', () => {
  const rig = new Rig(3);
  rig.add(5);
  assert.deepEqual([rig.segment.entries, rig.segment.bytes, rig.evicted], [3, 3 * SIZE, [0, 1]]);
});

test('what was asked for is spared as the hand comes by, and goes when nobody asks until it comes again', () => {
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

test('with all of them asked for, the hand goes round once and takes the oldest', () => {
  const rig = new Rig(3);
  rig.add(3);
  rig.visit(0, 1, 2);
  rig.add(1);
  assert.deepEqual(rig.evicted, [0]);
});

test('a flood of what is asked for once pushes out none that was asked for again', () => {
  const rig = new Rig(10);
  rig.add(5);
  rig.visit(0, 1, 2, 3, 4);
  rig.add(1000);
  assert.equal(rig.evicted.length, 995);
  assert.deepEqual(rig.evicted.slice(0, 2), [5, 6]);
});

test('an entry larger than the others takes the place of several, and the budget holds', () => {
  const rig = new Rig(4);
  rig.add(4);
  rig.add(1, 2.5 * SIZE);
  assert.deepEqual([rig.evicted, rig.segment.bytes], [[0, 1, 2], 3.5 * SIZE]);
});

test('an entry fits that is as large as the whole budget, and none that is larger', () => {
  const { segment } = new Rig(1);
  assert.deepEqual([segment.fits(SIZE), segment.fits(SIZE + 1)], [true, false]);
});

test('whichever entry is removed, the rest goes in order', () => {
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

test('removing the entry at which the hand stands moves the hand on, not back', () => {
  const rig = new Rig(4);
  rig.add(4);
  rig.visit(0);
  rig.add(1);
  assert.deepEqual(rig.evicted, [1]);
  rig.remove(2);
  rig.add(2);
  assert.deepEqual(rig.evicted, [1, 3]);
});

test('removing the newest entry with the hand at it lets the hand begin at the oldest', () => {
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
