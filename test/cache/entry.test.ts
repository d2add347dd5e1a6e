import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Cache } from '../../src/cache/cache.ts';
import { createEntry, ENTRY_OVERHEAD_BYTES } from '../../src/cache/entry.ts';
import { ask } from '../fixtures/messages.ts';
import { createCache, dataAnswer } from './cached.ts';

const ENTRIES = 20_000;

function createFull(): Cache {
  const { cache } = createCache(1 << 30);
  for (let i = 0; i < ENTRIES; i++) {
    const name = `host-${i}.www.example.com`;
    cache.insert(ask({ name }), dataAnswer(name));
  }
  return cache;
}

test('an entry is charged its answer’s bytes and a fixed overhead', () => {
  const answer = dataAnswer('example.com');
  assert.equal(createEntry(0, 0, answer, 0, 1, 0).bytes, answer.bytes.length + ENTRY_OVERHEAD_BYTES);
});

test('what entries are charged is no less than what they take of V8’s heap and of array buffers, and not much more', (t) => {
  setFlagsFromString('--expose-gc');
  const collectGarbage: () => void = runInNewContext('gc');
  const usedBytes = (): number => {
    for (let i = 0; i < 3; i++) collectGarbage();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  // Once for what is allocated with the first entries and then stays: code, shapes, buffers.
  const first = createFull();
  const before = usedBytes();
  const cache = createFull();
  const used = usedBytes() - before;
  assert.equal(first.bytes, cache.bytes);
  const chargedEach = cache.bytes / ENTRIES;
  const usedEach = used / ENTRIES;
  t.diagnostic(
    `charged ${chargedEach.toFixed(0)} octets each, ${usedEach.toFixed(0)} of them seen without malloc's share`,
  );
  assert.ok(usedEach <= chargedEach);
  assert.ok(usedEach >= chargedEach / 2);
});
