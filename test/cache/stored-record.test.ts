import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Cache } from '../../src/cache/cache.ts';
import { GRANULE_BYTES, MAX_CHUNK_GRANULES } from '../../src/cache/chunks.ts';
import { ask } from '../fixtures/dns/messages.ts';
import { createCache, dataAnswer, entryBytes, totalBytes } from './cache-rig.ts';

const ENTRIES = 20_000;

function createFull(): Cache {
  const { cache } = createCache(1 << 30);
  for (let i = 0; i < ENTRIES; i++) {
    const name = `host-${i}.www.example.com`;
    cache.insert(ask({ name }), dataAnswer(name));
  }
  return cache;
}

test('an entry is charged its head and its answer’s bytes in granules of 16 octets, and two slots of the index', () => {
  const answer = dataAnswer('example.com');
  assert.equal(answer.bytes.length, 58);
  assert.equal(entryBytes(answer), 160 + 8);
  assert.equal(entryBytes({ ...answer, extendedError: { code: 1, text: 'žž' } }), 160 + 8);
  assert.equal(entryBytes({ ...answer, extendedError: { code: 1, text: 'žžž' } }), 176 + 8);
  const { cache } = createCache(1 << 20);
  cache.insert(ask(), answer);
  assert.equal(totalBytes(cache), entryBytes(answer));
});

test('entries are charged at least what they use of V8’s heap and array buffers, and not much more', (t) => {
  setFlagsFromString('--expose-gc');
  const collectGarbage: () => void = runInNewContext('gc');
  const usedBytes = (): number => {
    for (let i = 0; i < 3; i++) collectGarbage();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  // The first cache causes one-time allocations: code, shapes, buffers.
  const first = createFull();
  const before = usedBytes();
  const cache = createFull();
  const used = usedBytes() - before;
  assert.equal(totalBytes(first), totalBytes(cache));
  const chargedEach = totalBytes(cache) / ENTRIES;
  const usedEach = used / ENTRIES;
  t.diagnostic(`charged ${chargedEach.toFixed(0)} octets each, ${usedEach.toFixed(0)} seen`);
  // The last chunk is partly filled. Pages that were never written to are not in RAM.
  assert.ok(used <= totalBytes(cache) + MAX_CHUNK_GRANULES * GRANULE_BYTES);
  assert.ok(usedEach >= chargedEach / 2);
});
