import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cache } from '../../src/cache/cache.ts';
import { type Answer, parseAnswer } from '../../src/message/answer.ts';
import { ask, buildResponse } from '../fixtures/messages.ts';
import type { ManualClock } from '../fixtures/manual-clock.ts';
import { createCache, dataAnswer } from './cached.ts';

const MIB = 1 << 20;
const SERVFAIL = 2;

function failure(name = 'example.com'): Answer {
  return parseAnswer(buildResponse({ name, flags: SERVFAIL }));
}

/** For how many seconds from now the question is answered out of the cache. */
function secondsKept(cache: Cache, clock: ManualClock): number {
  let seconds = 0;
  for (; cache.lookup(ask()) !== undefined; seconds++) clock.advance(1000);
  return seconds;
}

test('a failure is given again for a time that doubles with each in a row (RFC 9520 §3.2)', () => {
  const { cache, clock } = createCache(MIB);
  const kept = Array.from({ length: 6 }, () => {
    cache.insertFailure(ask(), failure());
    return secondsKept(cache, clock);
  });
  assert.deepEqual(kept, [1, 2, 4, 8, 16, 30]);
});

test('an answer ends the row of failures, even one that may not be kept', () => {
  for (const ttl of [5, 0]) {
    const { cache, clock } = createCache(MIB);
    for (let i = 0; i < 3; i++) {
      cache.insertFailure(ask(), failure());
      secondsKept(cache, clock);
    }
    cache.insert(ask(), dataAnswer('example.com', ttl));
    assert.equal(secondsKept(cache, clock), ttl);
    cache.insertFailure(ask(), failure());
    assert.equal(secondsKept(cache, clock), 1);
  }
});

test('a failure does not take the place of an answer that is still good', () => {
  const { cache } = createCache(MIB);
  const answer = dataAnswer('example.com', 5);
  cache.insert(ask(), answer);
  cache.insertFailure(ask(), failure());
  assert.equal(cache.lookup(ask())?.answer, answer);
});

test('a failure concerns its own question and variant and no other (RFC 9520 §3.1)', () => {
  const { cache } = createCache(MIB);
  cache.insertFailure(ask(), failure());
  assert.ok(cache.lookup(ask()));
  assert.equal(cache.lookup(ask({ name: 'www.example.com' })), undefined);
  assert.equal(cache.lookup(ask({ edns: { dnssecOk: true } })), undefined);
});

test('a flood of failures takes a quarter of the budget and pushes out no data', () => {
  const maxBytes = 100_000;
  const { cache } = createCache(maxBytes);
  cache.insert(ask(), dataAnswer('example.com'));
  for (let i = 0; i < 1000; i++) {
    const name = `random-${i}.example`;
    cache.insertFailure(ask({ name }), failure(name));
    assert.ok(cache.bytes <= 0.25 * maxBytes + 1000);
  }
  assert.ok(cache.entries.denial > 20);
  assert.ok(cache.lookup(ask()));
});
