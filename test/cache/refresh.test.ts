import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cache } from '../../src/cache/cache.ts';
import type { Entry } from '../../src/cache/entry.ts';
import { drawRefreshAt, isRefreshDue, markRefreshStarted } from '../../src/cache/refresh.ts';
import { parseAnswer } from '../../src/message/answer/answer.ts';
import { ask, buildResponse, soaRecord } from '../fixtures/dns/messages.ts';
import { createCache, dataAnswer, deniedAnswer } from './cache-rig.ts';

const MIB = 1 << 20;
const TTL_SECONDS = 1000;
/** Refresh time with the random fraction 0.25: a quarter of the way from a twentieth to a tenth before the end. */
const DUE_MS = 937_500;

const NODATA = parseAnswer(buildResponse({ authorities: [soaRecord('com', TTL_SECONDS, TTL_SECONDS)] }));

function draw(fraction: number, lifetimeMs: number, answer = dataAnswer('example.com')): number {
  return drawRefreshAt(answer, 0, lifetimeMs, { fraction: () => fraction, bytes: (length) => new Uint8Array(length) });
}

function find(cache: Cache): Entry {
  const entry = cache.lookup(ask());
  assert.ok(entry);
  return entry;
}

test('the refresh time is random within the first half of the last tenth of the lifetime', () => {
  assert.equal(draw(0, 100_000), 95_000);
  assert.equal(draw(0.5, 100_000), 92_500);
  assert.ok(draw(0.999, 100_000) > 90_000);
});

test('lifetimes below half a minute, NXDOMAIN and failures are not refreshed', () => {
  assert.equal(draw(0.5, 29_999), Infinity);
  assert.ok(draw(0.5, 30_000) < 30_000);
  assert.equal(draw(0.5, 100_000, deniedAnswer('example.com')), Infinity);
  assert.equal(draw(0.5, 100_000, parseAnswer(buildResponse({ flags: 2 }))), Infinity);
});

test('NODATA is refreshed: clients wait for it like for data', () => {
  assert.equal(NODATA.kind, 'nodata');
  assert.equal(draw(0, 100_000, NODATA), 95_000);
});

test('a refresh is due from that time on, and not before', () => {
  const { cache, clock } = createCache(MIB);
  cache.insert(ask(), dataAnswer('example.com', TTL_SECONDS));
  find(cache);
  clock.advance(DUE_MS - 1);
  assert.equal(isRefreshDue(find(cache), clock.now()), false);
  clock.advance(1);
  assert.equal(isRefreshDue(find(cache), clock.now()), true);
});

test('it is due only for entries that were found twice since they were stored', () => {
  const { cache, clock } = createCache(MIB);
  cache.insert(ask(), dataAnswer('example.com', TTL_SECONDS));
  find(cache);
  cache.insert(ask(), dataAnswer('example.com', TTL_SECONDS));
  clock.advance(DUE_MS);
  assert.equal(isRefreshDue(find(cache), clock.now()), false);
  assert.equal(isRefreshDue(find(cache), clock.now()), true);
});

test('once started it is not due again', () => {
  const { cache, clock } = createCache(MIB);
  cache.insert(ask(), dataAnswer('example.com', TTL_SECONDS));
  find(cache);
  clock.advance(DUE_MS);
  markRefreshStarted(find(cache));
  assert.equal(isRefreshDue(find(cache), clock.now()), false);
});
