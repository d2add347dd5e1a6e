import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Arena } from '../../src/cache/arena.ts';
import { Chunks, NONE } from '../../src/cache/chunks.ts';
import { HashTable } from '../../src/cache/hash-table.ts';
import { MIN_RECORD_BYTES, WORD } from '../../src/cache/stored-record.ts';

class Rig {
  readonly #chunks = new Chunks();
  readonly #arena = new Arena(this.#chunks, 1 << 20);
  readonly index: HashTable = new HashTable(this.#chunks);

  add(hash: number): number {
    const record = this.#arena.allocate(MIN_RECORD_BYTES);
    this.#chunks.setWord(record, WORD.hash, hash);
    this.index.add(record);
    return record;
  }

  remove(record: number): void {
    this.index.remove(record);
    this.#arena.free(record);
  }

  /** The records with this hash, in any order. */
  find(hash: number): number[] {
    const found: number[] = [];
    for (let record = this.index.first(hash); record !== NONE; record = this.#chunks.word(record, WORD.nextInBucket)) {
      if (this.#chunks.word(record, WORD.hash) === hash) found.push(record);
    }
    return found.toSorted((one, other) => one - other);
  }
}

test('records are found by hash, several per hash, while the table grows and records are added and removed', () => {
  // Few hashes, so that they collide, at distances that also make slots collide.
  const hash = fc.nat(400).map((number) => (number % 40) + ((number * 1024) & 0x3fff_ffff));
  const steps = fc.array(fc.tuple(fc.boolean(), fc.boolean(), hash), { minLength: 50, maxLength: 400, size: 'max' });
  const property = fc.property(steps, (script) => {
    const rig = new Rig();
    const model = new Map<number, number>();
    for (const [removes, oldest, value] of script) {
      if (!removes) {
        model.set(rig.add(value), value);
        continue;
      }
      const records = [...model.keys()];
      const record = oldest ? records[0] : records.at(-1);
      if (record === undefined) continue;
      rig.remove(record);
      model.delete(record);
    }
    for (const [, , value] of script) {
      const expected = [...model].filter(([, other]) => other === value).map(([record]) => record);
      assert.deepEqual(
        rig.find(value),
        expected.toSorted((one, other) => one - other),
      );
    }
  });
  fc.assert(property, { seed: 1, numRuns: 100 });
});
