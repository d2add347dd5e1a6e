import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cache } from '../../src/cache/cache.ts';
import { nextTurn } from '../../src/lib/clock.ts';
import type { PreparedAnswer } from '../../src/message/answer/prepared-answer.ts';
import { octetString } from '../../src/message/wire/name.ts';
import { ask } from '../fixtures/dns/messages.ts';
import { createCache, dataAnswer, deniedAnswer, entryBytes, findAnswer, totalBytes } from './cache-rig.ts';

/** Most records that may be examined while a query waits. */
const SLICE = 256;

const questionOf = ({ bytes, start, questionEnd }: PreparedAnswer): string =>
  octetString(bytes.subarray(start + 12, start + questionEnd));
const isCached = (cache: Cache, name: string): boolean => findAnswer(cache, ask({ name })) !== undefined;

test('a purge removes the answers, denials and failures that are rejected, and returns their number', async () => {
  const { cache } = createCache(100_000);
  cache.insert(ask({ name: 'kept.example' }), dataAnswer('kept.example'));
  cache.insert(ask({ name: 'kept-denial.example' }), deniedAnswer('kept-denial.example'));
  cache.insert(ask({ name: 'gone.example' }), dataAnswer('gone.example'));
  cache.insert(ask({ name: 'gone-denial.example' }), deniedAnswer('gone-denial.example'));
  cache.insertFailure(
    ask({ name: 'gone-failure.example' }),
    dataAnswer('gone-failure.example'),
    'ERR_RESPONSE_FAILURE',
  );
  const kept = ['kept.example', 'kept-denial.example'];
  const removed = await cache.purge((answer) => questionOf(answer).includes('kept'));
  assert.equal(removed, 3);
  for (const name of ['gone.example', 'gone-denial.example', 'gone-failure.example']) assert.ok(!isCached(cache, name));
  for (const name of kept) assert.ok(isCached(cache, name));
  const sizes = [dataAnswer('kept.example'), deniedAnswer('kept-denial.example')].map(entryBytes);
  assert.equal(totalBytes(cache), sizes[0]! + sizes[1]!);
});

test('an emptied cache has its whole budget again', async () => {
  const { cache, counters } = createCache(100_000);
  const fill = (): number => {
    let stored = 0;
    while (counters.totals.cacheEvictions.entries().every(({ count }) => count === 0)) {
      const name = `${stored++}.example`;
      cache.insert(ask({ name }), dataAnswer(name));
    }
    return stored - 1;
  };
  const capacity = fill();
  assert.equal(await cache.purge(() => false), capacity);
  assert.deepEqual([cache.entries, totalBytes(cache)], [{ success: 0, denial: 0 }, 0]);
  for (let i = 0; i < capacity; i++) cache.insert(ask({ name: `${i}.example` }), dataAnswer(`${i}.example`));
  assert.equal(cache.entries.success, capacity);
});

test('queries are answered and answers stored between slices; those that are stored meanwhile are not examined', async () => {
  const { cache } = createCache(1_000_000);
  const count = 10 * SLICE;
  for (let i = 0; i < count; i++) cache.insert(ask({ name: `${i}.example` }), dataAnswer(`${i}.example`));
  const examined = new Set<string>();
  let inSlice = 0;
  let longest = 0;
  const state = { done: false };
  const purge = cache
    .purge((answer) => {
      longest = Math.max(longest, ++inSlice);
      examined.add(questionOf(answer));
      return false;
    })
    .finally(() => (state.done = true));
  // It has begun once promises had their turn.
  await nextTurn();
  let stored = 0;
  for (; !state.done; stored++) {
    inSlice = 0;
    cache.insert(ask({ name: `new${stored}.example` }), dataAnswer(`new${stored}.example`));
    assert.ok(isCached(cache, `new${stored}.example`));
    await nextTurn();
  }
  assert.equal(await purge, count);
  assert.ok(longest <= SLICE, `${longest} records in one slice`);
  assert.equal(examined.size, count);
  assert.equal(cache.entries.success, stored);
});

test('a purge ends, and examines nothing twice, while records are evicted, replaced and removed around it', async () => {
  // Room for some 600 records.
  const { cache, clock } = createCache(150_000);
  for (let i = 0; i < 2000; i++) cache.insert(ask({ name: `${i}.example` }), dataAnswer(`${i}.example`));
  const examined: string[] = [];
  const state = { done: false };
  const purge = cache
    .purge((answer) => {
      examined.push(questionOf(answer));
      return examined.length % 2 === 0;
    })
    .finally(() => (state.done = true));
  for (let round = 0; !state.done; round++) {
    // Evicts the oldest, replaces some, and finds some expired, which removes them.
    for (let i = 0; i < 50; i++) {
      const name = `${1400 + round * 50 + i}.example`;
      cache.insert(ask({ name }), dataAnswer(name, 1));
    }
    clock.advance(2000);
    for (let i = 0; i < 50; i++) isCached(cache, `${1700 + i}.example`);
    await nextTurn();
  }
  await purge;
  assert.equal(new Set(examined).size, examined.length);
  assert.ok(examined.length > SLICE);
  await cache.purge(() => false);
  assert.deepEqual([cache.entries, totalBytes(cache)], [{ success: 0, denial: 0 }, 0]);
});

test('purges run one after another, also after one that fails', async () => {
  const { cache } = createCache(1_000_000);
  for (let i = 0; i < 3 * SLICE; i++) cache.insert(ask({ name: `${i}.example` }), dataAnswer(`${i}.example`));
  const order: number[] = [];
  const purges = [1, 2].map((number) =>
    cache.purge(() => {
      order.push(number);
      return true;
    }),
  );
  const broken = cache.purge(() => {
    throw new Error('broken');
  });
  const last = cache.purge(() => false);
  assert.deepEqual(await Promise.all(purges), [0, 0]);
  assert.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
  );
  await assert.rejects(broken, /broken/);
  assert.equal(await last, 3 * SLICE);
});
