import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ageSeconds } from '../../src/cache/entry.ts';
import { hashQuestion } from '../../src/cache/key.ts';
import { parseAnswer } from '../../src/message/answer/answer.ts';
import { copyAnswer } from '../../src/message/answer/prepared-answer.ts';
import {
  addressRecord,
  ask,
  buildQuery,
  buildResponse,
  type QuerySpec,
  rawMessage,
  rawName,
  rawQuestion,
  rawRecord,
  receive,
} from '../fixtures/dns/messages.ts';
import {
  createCache,
  dataAnswer,
  deniedAnswer,
  entryBytes,
  FIXED_RANDOM,
  findAnswer,
  totalBytes,
} from './cache-rig.ts';

const MIB = 1 << 20;
const RD = 0x0100;
const CD = 0x0010;

test('an answer is found until its TTL has passed, and no longer (RFC 1035 §3.2.1)', () => {
  const { cache, clock } = createCache(MIB);
  const answer = dataAnswer('example.com', 300);
  clock.advance(12_345);
  cache.insert(ask(), answer);
  clock.advance(299_999);
  assert.deepEqual(findAnswer(cache, ask()), copyAnswer(answer));
  clock.advance(1);
  assert.equal(cache.lookup(ask()), undefined);
});

test('RFC 1035 §3.2.1: answers age while the machine sleeps, though the monotonic clock stands still', () => {
  const { cache, clock } = createCache(MIB);
  cache.insert(ask(), dataAnswer('example.com', 300));
  clock.advance(100_000);
  cache.slept(199_999);
  const entry = cache.lookup(ask());
  assert.ok(entry);
  assert.equal(ageSeconds(entry, cache.ageingTime(clock.now())), 299);
  cache.slept(1);
  assert.equal(cache.lookup(ask()), undefined);
  cache.insert(ask(), dataAnswer('example.com', 300));
  clock.advance(299_999);
  assert.ok(cache.lookup(ask()));
});

test('a lookup removes an expired answer', () => {
  const { cache, clock } = createCache(MIB);
  cache.insert(ask(), dataAnswer('example.com', 300));
  assert.deepEqual(cache.entries, { success: 1, denial: 0 });
  clock.advance(300_000);
  cache.lookup(ask());
  assert.deepEqual([cache.entries, totalBytes(cache)], [{ success: 0, denial: 0 }, 0]);
});

test('age is in whole seconds, and below the TTL while the answer is found', () => {
  const { cache, clock } = createCache(MIB);
  clock.advance(500);
  cache.insert(ask(), dataAnswer('example.com', 2));
  const ages: number[] = [];
  for (const step of [0, 999, 1, 999]) {
    clock.advance(step);
    const entry = cache.lookup(ask());
    assert.ok(entry);
    ages.push(ageSeconds(entry, clock.now()));
  }
  assert.deepEqual(ages, [0, 0, 1, 1]);
});

test('a question is found in any letter case, and other questions are not', () => {
  const { cache } = createCache(MIB);
  cache.insert(ask({ name: 'wWw.Example.com' }), dataAnswer('www.example.com'));
  assert.ok(cache.lookup(ask({ name: 'WWW.eXAMPLE.com' })));
  for (const spec of [
    { name: 'example.com' },
    { name: 'xwww.example.com' },
    { name: 'www.example.com', type: 'AAAA' },
  ]) {
    assert.equal(cache.lookup(ask(spec)), undefined);
  }
});

test('answers for different DO and CD bits are not mixed up (RFC 4035 §3.2, RFC 6840 §5.9)', () => {
  const variants: readonly QuerySpec[] = [
    { edns: {} },
    { edns: { dnssecOk: true } },
    { flags: RD | CD, edns: {} },
    { flags: RD | CD, edns: { dnssecOk: true } },
  ];
  for (const kept of variants) {
    const { cache } = createCache(MIB);
    cache.insert(ask(kept), dataAnswer('example.com'));
    assert.deepEqual(
      variants.filter((spec) => cache.lookup(ask(spec)) !== undefined),
      [kept],
    );
  }
  const { cache } = createCache(MIB);
  const answers = variants.map((spec, i) => {
    const answer = dataAnswer('example.com', 300, `192.0.2.${i}`);
    cache.insert(ask(spec), answer);
    return answer;
  });
  assert.deepEqual(
    variants.map((spec) => findAnswer(cache, ask(spec))),
    answers.map(copyAnswer),
  );
});

test('clients with and without EDNS share an answer', () => {
  const { cache } = createCache(MIB);
  cache.insert(ask({ edns: { udpPayloadBytes: 4096 } }), dataAnswer('example.com'));
  assert.ok(cache.lookup(ask()));
});

test('a later answer replaces an earlier one, even of another kind', () => {
  const { cache, clock } = createCache(MIB);
  cache.insert(ask(), dataAnswer('example.com', 10));
  clock.advance(5_000);
  const later = deniedAnswer('example.com', 10);
  cache.insert(ask(), later);
  assert.deepEqual(cache.entries, { success: 0, denial: 1 });
  clock.advance(9_999);
  assert.deepEqual(findAnswer(cache, ask()), copyAnswer(later));
});

test('TTL 0, failures and negative answers without an SOA record are not cached', () => {
  const { cache } = createCache(MIB);
  cache.insert(ask(), dataAnswer('example.com', 0));
  cache.insert(ask(), parseAnswer(buildResponse({ flags: 2 })));
  cache.insert(ask(), parseAnswer(buildResponse({ flags: 3 })));
  assert.deepEqual([totalBytes(cache), cache.lookup(ask())], [0, undefined]);
});

test('an uncacheable answer leaves an expired one for an outage, but removes a fresh one', () => {
  const { cache, clock } = createCache(MIB, 60_000);
  const kept = dataAnswer('example.com', 10);
  cache.insert(ask(), kept);
  clock.advance(10_000);
  cache.insert(ask(), dataAnswer('example.com', 0));
  assert.deepEqual(findAnswer(cache, ask()), copyAnswer(kept));

  cache.insert(ask(), dataAnswer('example.com', 10));
  cache.insert(ask(), dataAnswer('example.com', 0));
  assert.equal(cache.lookup(ask()), undefined);
});

test('a cache of 0 octets stores nothing', () => {
  const { cache } = createCache(0);
  cache.insert(ask(), dataAnswer('example.com'));
  cache.insert(ask(), deniedAnswer('example.com'));
  assert.deepEqual([cache.entries, cache.lookup(ask())], [{ success: 0, denial: 0 }, undefined]);
});

test('an answer larger than its segment is not stored and evicts nothing', () => {
  const { cache } = createCache(20_000);
  cache.insert(ask(), dataAnswer('example.com'));
  const large = rawRecord(rawName('large'), 16, 300, new Uint8Array(15_000));
  const question = rawQuestion(rawName('large'), 16);
  const query = receive(rawMessage({ flags: RD, questions: [question] }));
  cache.insert(query, parseAnswer(rawMessage({ flags: 0x8180, questions: [question], answers: [large] })));
  assert.equal(cache.lookup(query), undefined);
  assert.ok(cache.lookup(ask()));
});

test('a flood of denials takes at most a quarter and evicts no data', () => {
  const maxBytes = 100_000;
  const { cache } = createCache(maxBytes);
  cache.insert(ask(), dataAnswer('example.com'));
  for (let i = 0; i < 1000; i++) {
    const name = `random-${i}.example`;
    cache.insert(ask({ name }), deniedAnswer(name));
    assert.ok(totalBytes(cache) <= maxBytes);
  }
  const { denial } = cache.entries;
  assert.ok(denial > 20 && denial * entryBytes(deniedAnswer('random-0.example')) <= 0.25 * maxBytes);
  assert.ok(cache.lookup(ask()));
});

test('a flood of one-time names does not evict names that were looked up again', () => {
  const maxBytes = 100_000;
  const { cache } = createCache(maxBytes);
  const used = Array.from({ length: 20 }, (_, i) => `used-${i}.example`);
  for (const name of used) cache.insert(ask({ name }), dataAnswer(name));
  for (const name of used) assert.ok(cache.lookup(ask({ name })));
  for (let i = 0; i < 1000; i++) {
    const name = `once-${i}.example`;
    cache.insert(ask({ name }), dataAnswer(name));
    assert.ok(totalBytes(cache) <= maxBytes);
  }
  for (const name of used) assert.ok(cache.lookup(ask({ name })), name);
});

test('questions with colliding hashes coexist, and each can be removed alone', () => {
  const groups = collidingNames(3);
  const orders = [
    [0, 1],
    [1, 0],
  ] as const;
  for (const names of groups) {
    for (const [first, second] of orders) {
      const { cache, clock } = createCache(MIB);
      for (const [i, name] of names.entries()) cache.insert(ask({ name }), dataAnswer(name, i === first ? 10 : 20));
      for (const name of names) assert.ok(cache.lookup(ask({ name })));
      assert.equal(cache.entries.success, 2);
      clock.advance(10_000);
      assert.equal(cache.lookup(ask({ name: names[first] })), undefined);
      // Twice: a record left in the index by mistake would be found and removed again.
      assert.equal(cache.lookup(ask({ name: names[first] })), undefined);
      assert.ok(cache.lookup(ask({ name: names[second] })));
      assert.equal(cache.entries.success, 1);
    }
  }
});

test('a copied answer does not change when the original is evicted and its space reused', () => {
  const { cache } = createCache(20_000);
  const answer = dataAnswer('example.com');
  cache.insert(ask(), answer);
  const entry = cache.lookup(ask());
  assert.ok(entry);
  const copy = copyAnswer(entry.answer);
  // It is not looked up again, so it is evicted first.
  cache.insert(ask(), dataAnswer('example.com', 200, '198.51.100.1'));
  for (let i = 0; i < 1000; i++) {
    const name = `host-${i}.example`;
    cache.insert(ask({ name }), dataAnswer(name, 300, '203.0.113.1'));
  }
  assert.equal(cache.lookup(ask()), undefined);
  assert.deepEqual(copy, copyAnswer(answer));
});

test('a lookup moves the entry of the previous one', () => {
  const { cache } = createCache(MIB);
  const names = ['one.example', 'three.example'];
  for (const name of names) cache.insert(ask({ name }), dataAnswer(name));
  const [first, second] = names.map((name) => cache.lookup(ask({ name })));
  assert.ok(first !== undefined && first === second);
  assert.deepEqual(copyAnswer(first.answer), copyAnswer(dataAnswer('three.example')));
});

test('an extended error is returned with its answer only, in any script', () => {
  const { cache } = createCache(MIB);
  for (const extendedError of [{ code: 22, text: 'no way: nešlo to, 不行' }, { code: 65_535, text: '' }, undefined]) {
    const answer = { ...dataAnswer('example.com'), extendedError };
    cache.insert(ask(), answer);
    assert.deepEqual(findAnswer(cache, ask()), copyAnswer(answer));
  }
});

test('answers with any number of records are returned unchanged, across chunk boundaries', () => {
  const { cache } = createCache(8 * MIB);
  const kept = Array.from({ length: 100 }, (_, i) => {
    const name = `host-${i}.example`;
    const answers = Array.from({ length: 1 + ((i * 37) % 2000) }, () => addressRecord(name, 300 + i));
    const answer = parseAnswer(buildResponse({ name, answers }));
    cache.insert(ask({ name }), answer);
    return { name, answer };
  });
  assert.ok(totalBytes(cache) > 2 * MIB);
  for (const { name, answer } of kept) assert.deepEqual(findAnswer(cache, ask({ name })), copyAnswer(answer));
});

test('a cache full of answers of one size accepts answers of another', () => {
  const maxBytes = 200_000;
  const { cache } = createCache(maxBytes);
  const recordsOf = (count: number) => (name: string) =>
    parseAnswer(buildResponse({ name, answers: Array.from({ length: count }, () => addressRecord(name, 300)) }));
  for (const [round, make] of [recordsOf(1), recordsOf(40), recordsOf(3), recordsOf(200), recordsOf(1)].entries()) {
    for (let i = 0; i < 1000; i++) {
      const name = `host-${i}.round-${round}.example`;
      cache.insert(ask({ name }), make(name));
      assert.deepEqual(findAnswer(cache, ask({ name })), copyAnswer(make(name)));
    }
    assert.ok(
      totalBytes(cache) <= maxBytes && totalBytes(cache) > 0.6 * maxBytes,
      `${totalBytes(cache)} in round ${round}`,
    );
  }
});

/**
 * Pairs of names with equal hashes under the caches' seed. With 100,000 names and 2^30 hashes about five are expected.
 */
function collidingNames(pairs: number): readonly (readonly [string, string])[] {
  const seed = Math.floor(FIXED_RANDOM.fraction() * 2 ** 32) | 0;
  const seen = new Map<number, string>();
  const found: [string, string][] = [];
  const template = buildQuery({ name: '000000.example' });
  for (let i = 0; found.length < pairs; i++) {
    const digits = i.toString().padStart(6, '0');
    template.set(Buffer.from(digits), 13);
    const hash = hashQuestion(template, template.length, 0, seed);
    const other = seen.get(hash);
    if (other !== undefined) found.push([other, `${digits}.example`]);
    seen.set(hash, `${digits}.example`);
  }
  return found;
}

test('evictions are counted by segment, and an evicted refresh without a lookup is wasted', () => {
  const { cache, counters } = createCache(100_000);
  cache.insert(ask(), dataAnswer('example.com'), true);
  const wasted = (): number | undefined =>
    counters.totals.prefetches.entries().find(({ labels }) => labels['event'] === 'wasted')?.count;
  let denied = 0;
  for (; cache.entries.denial === denied; denied++) {
    const name = `random-${denied}.example`;
    cache.insert(ask({ name }), deniedAnswer(name));
  }
  const evictions = (): number[] => counters.totals.cacheEvictions.entries().map(({ count }) => count);
  assert.deepEqual(evictions(), [0, denied - cache.entries.denial]);
  assert.equal(wasted(), 0);
  let inserted = 1;
  for (; evictions()[0] === 0; inserted++) {
    const name = `once-${inserted}.example`;
    cache.insert(ask({ name }), dataAnswer(name));
  }
  assert.equal(evictions()[0], inserted - cache.entries.success);
  assert.equal(wasted(), 1);
  const { success, denial } = cache.bytesBySegment;
  assert.ok(success > 2 * denial, `${success} and ${denial}`);
});
