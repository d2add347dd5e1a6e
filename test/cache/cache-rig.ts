import { Cache } from '../../src/cache/cache.ts';
import { INDEX_BYTES_PER_ENTRY, recordBytes } from '../../src/cache/stored-record.ts';
import type { Random } from '../../src/lib/random.ts';
import { type Answer, parseAnswer } from '../../src/message/answer/answer.ts';
import { copyAnswer, type PreparedAnswer } from '../../src/message/answer/prepared-answer.ts';
import { type Counters, createCounters } from '../../src/metrics/counters.ts';
import type { Query } from '../../src/model/query.ts';
import { addressRecord, buildResponse, soaRecord } from '../fixtures/dns/messages.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';

/** Makes a cache's hashes equal in every run. */
export const FIXED_RANDOM: Random = { fraction: () => 0.25, bytes: (length) => new Uint8Array(length) };

export interface CacheRig {
  readonly cache: Cache;
  readonly clock: ManualClock;
  readonly counters: Counters;
}

/** A cache on a clock that stands still. */
export function createCache(maxBytes: number, maxStaleMs = 0): CacheRig {
  const clock = new ManualClock();
  const counters = createCounters([], 0);
  const cache = new Cache({ clock, random: FIXED_RANDOM, metrics: counters }, { maxBytes, maxStaleMs });
  return { cache, clock, counters };
}

/** An answer with one address record. */
export function dataAnswer(name: string, ttl = 300, address = '192.0.2.1'): Answer {
  return parseAnswer(buildResponse({ name, answers: [addressRecord(name, ttl, address)] }));
}

/** An NXDOMAIN whose SOA record has this TTL and a larger MINIMUM. */
export function deniedAnswer(name: string, ttl = 300): Answer {
  return parseAnswer(buildResponse({ name, flags: 3, authorities: [soaRecord(name, ttl, 1_000_000)] }));
}

/** A copy of the cached answer to `query`, if any. */
export function findAnswer(cache: Cache, query: Query): PreparedAnswer | undefined {
  const entry = cache.lookup(query);
  return entry && copyAnswer(entry.answer);
}

/** What the cache charges for an answer. */
export function entryBytes(answer: PreparedAnswer): number {
  return recordBytes(answer) + INDEX_BYTES_PER_ENTRY;
}

/** What the cache charges for all entries. */
export function totalBytes({ bytesBySegment }: Cache): number {
  return bytesBySegment.success + bytesBySegment.denial;
}
