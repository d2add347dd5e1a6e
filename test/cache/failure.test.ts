import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cache } from '../../src/cache/cache.ts';
import { failureSeconds } from '../../src/cache/lifetime.ts';
import { FAILURE_CODES } from '../../src/failures/failures.ts';
import { parseAnswer } from '../../src/message/answer/answer.ts';
import { copyAnswer } from '../../src/message/answer/prepared-answer.ts';
import { createCounters } from '../../src/metrics/counters.ts';
import { addressRecord, ask, buildResponse } from '../fixtures/dns/messages.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { findAnswer, totalBytes } from './cache-rig.ts';

const SPEC = { name: 'a.example', type: 'A' };
const QUERY = ask(SPEC);
const FAILURE = parseAnswer(buildResponse({ ...SPEC, flags: 2 }));
const ANSWER = parseAnswer(buildResponse({ ...SPEC, answers: [addressRecord(SPEC.name, 300)] }));

function create(maxBytes = 1 << 20): { cache: Cache; clock: ManualClock } {
  const clock = new ManualClock();
  const random = { fraction: () => 0.5, bytes: (length: number) => new Uint8Array(length) };
  return { cache: new Cache({ clock, random, metrics: createCounters([], 0) }, { maxBytes, maxStaleMs: 0 }), clock };
}

test('RFC 9520 §3.2: a failure is cached for one second at first, then twice as long each time, up to four', () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 100].map(failureSeconds), [1, 2, 4, 4, 4, 4, 4]);
});

test('RFC 9520 §3.2: consecutive failures are counted after they expire, until there is an answer', () => {
  const { cache, clock } = create();
  for (const seconds of [1, 2, 4]) {
    cache.insertFailure(QUERY, FAILURE, 'ERR_RESPONSE_FAILURE');
    clock.advance(seconds * 1000 - 1);
    assert.deepEqual(findAnswer(cache, QUERY), copyAnswer(FAILURE));
    clock.advance(1);
    assert.equal(cache.lookup(QUERY), undefined);
  }
  cache.insert(QUERY, ANSWER);
  assert.equal(cache.lookup(QUERY)?.failures, 0);
  clock.advance(300_000);
  cache.insertFailure(QUERY, FAILURE, 'ERR_RESPONSE_FAILURE');
  clock.advance(1000);
  assert.equal(cache.lookup(QUERY), undefined);
});

test('a failure does not replace a fresh answer', () => {
  const { cache } = create();
  cache.insert(QUERY, ANSWER);
  cache.insertFailure(QUERY, FAILURE, 'ERR_RESPONSE_FAILURE');
  assert.deepEqual(findAnswer(cache, QUERY), copyAnswer(ANSWER));
});

test('RFC 9520 §3.2: failures use bounded memory and do not evict answers', () => {
  const { cache } = create(64 * 1024);
  cache.insert(QUERY, ANSWER);
  for (let i = 0; i < 1000; i++) {
    const spec = { name: `n${i}.example`, type: 'A' };
    cache.insertFailure(ask(spec), parseAnswer(buildResponse({ ...spec, flags: 2 })), 'ERR_DEADLINE');
  }
  assert.ok(totalBytes(cache) <= 64 * 1024);
  assert.deepEqual(findAnswer(cache, QUERY), copyAnswer(ANSWER));
});

test('an uncacheable answer also resets the count of failures', () => {
  const { cache, clock } = create();
  for (const seconds of [1, 2]) {
    cache.insertFailure(QUERY, FAILURE, 'ERR_RESPONSE_FAILURE');
    clock.advance(seconds * 1000);
  }
  cache.insert(QUERY, parseAnswer(buildResponse({ ...SPEC, answers: [addressRecord(SPEC.name, 0)] })));
  cache.insertFailure(QUERY, FAILURE, 'ERR_RESPONSE_FAILURE');
  clock.advance(1000);
  assert.equal(cache.lookup(QUERY), undefined);
});

test('RFC 9520 §3.2: a failure applies to its own question, DO and CD only', () => {
  const { cache } = create();
  cache.insertFailure(QUERY, FAILURE, 'ERR_RESPONSE_FAILURE');
  assert.ok(cache.lookup(ask({ name: 'A.Example' })));
  assert.equal(cache.lookup(ask({ name: 'www.a.example' })), undefined);
  assert.equal(cache.lookup(ask({ ...SPEC, edns: { dnssecOk: true } })), undefined);
});

test('a cached failure keeps its code, and the answer that replaces it has none', () => {
  const { cache, clock } = create();
  for (const code of FAILURE_CODES) {
    cache.insertFailure(QUERY, FAILURE, code);
    assert.equal(cache.lookup(QUERY)?.failureCode, code);
    assert.deepEqual(findAnswer(cache, QUERY), copyAnswer(FAILURE));
  }
  clock.advance(4000);
  cache.insert(QUERY, ANSWER);
  assert.equal(cache.lookup(QUERY)?.failureCode, undefined);
});
