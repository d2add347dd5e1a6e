import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Cache } from '../../src/cache/cache.ts';
import { GRANULE_BYTES, MAX_CHUNK_GRANULES } from '../../src/cache/chunks.ts';
import { ask } from '../fixtures/messages.ts';
import { createCache, dataAnswer, entryBytes, totalBytes } from './cached.ts';

const ENTRIES = 20_000;

function createFull(): Cache {
  const { cache } = createCache(1 << 30);
  for (let i = 0; i < ENTRIES; i++) {
    const name = `host-${i}.www.example.com`;
    cache.insert(ask({ name }), dataAnswer(name));
  }
  return cache;
}

test('an entry is charged its answer’s bytes and its head in blocks of 16 octets, and two slots of the index', () => {
  const answer = dataAnswer('example.com');
  assert.equal(answer.bytes.length, 58);
  assert.equal(entryBytes(answer), 160 + 8);
  assert.equal(entryBytes({ ...answer, extendedError: { code: 1, text: 'žž' } }), 160 + 8);
  assert.equal(entryBytes({ ...answer, extendedError: { code: 1, text: 'žžž' } }), 176 + 8);
  const { cache } = createCache(1 << 20);
  cache.insert(ask(), answer);
  assert.equal(totalBytes(cache), entryBytes(answer));
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
  assert.equal(totalBytes(first), totalBytes(cache));
  const chargedEach = totalBytes(cache) / ENTRIES;
  const usedEach = used / ENTRIES;
  t.diagnostic(`charged ${chargedEach.toFixed(0)} octets each, ${usedEach.toFixed(0)} seen`);
  // The last chunk is filled in part. What of it was never written to is not in RAM.
  assert.ok(used <= totalBytes(cache) + MAX_CHUNK_GRANULES * GRANULE_BYTES);
  assert.ok(usedEach >= chargedEach / 2);
});
