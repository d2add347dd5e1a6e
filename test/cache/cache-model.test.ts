import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ageSeconds } from '../../src/cache/entry.ts';
import { lifetimeSeconds } from '../../src/cache/lifetime.ts';
import type { Answer } from '../../src/message/answer/answer.ts';
import { copyAnswer } from '../../src/message/answer/prepared-answer.ts';
import { ask, type QuerySpec } from '../fixtures/dns/messages.ts';
import { createCache, dataAnswer, deniedAnswer, entryBytes, totalBytes } from './cache-rig.ts';

const RUNS = 300;

type Step =
  | { readonly kind: 'insert'; readonly question: number; readonly ttl: number; readonly denied: boolean }
  | { readonly kind: 'lookup'; readonly question: number }
  | { readonly kind: 'advance'; readonly ms: number };

/** Twenty names in four variants, in two spellings. */
function specOf(question: number): QuerySpec {
  const name = `${question % 2 === 0 ? 'Name' : 'nAME'}-${(question >> 3) % 20}.example`;
  return { name, flags: (question & 2) === 0 ? 0x0100 : 0x0110, edns: { dnssecOk: (question & 4) !== 0 } };
}

function modelKey(question: number): number {
  return question >> 1;
}

const question = fc.nat(159);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('insert' as const), question, ttl: fc.nat(20), denied: fc.boolean() }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('lookup' as const), question }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.nat(8_000) }) },
  ),
  { minLength: 20, maxLength: 200, size: 'max' },
);

interface Kept {
  readonly answer: Answer;
  readonly storedAt: number;
  readonly expiresAt: number;
}

/** Runs the steps on the cache and on a map without eviction, which knows what may be found. */
function check(maxBytes: number, script: readonly Step[]): number {
  const { cache, clock } = createCache(maxBytes);
  const model = new Map<number, Kept>();
  let forgotten = 0;
  for (const step of script) {
    if (step.kind === 'advance') {
      clock.advance(step.ms);
    } else if (step.kind === 'insert') {
      const spec = specOf(step.question);
      const name = spec.name?.toLowerCase() ?? '';
      const answer = step.denied ? deniedAnswer(name, step.ttl) : dataAnswer(name, step.ttl);
      cache.insert(ask(spec), answer);
      const storedAt = clock.now();
      model.set(modelKey(step.question), { answer, storedAt, expiresAt: storedAt + 1000 * lifetimeSeconds(answer) });
    } else {
      const entry = cache.lookup(ask(specOf(step.question)));
      const kept = model.get(modelKey(step.question));
      if (entry === undefined) {
        if (kept !== undefined && clock.now() < kept.expiresAt) forgotten++;
      } else {
        assert.ok(kept !== undefined && clock.now() < kept.expiresAt, 'found a missing or expired entry');
        assert.deepEqual(copyAnswer(entry.answer), copyAnswer(kept.answer));
        assert.equal(ageSeconds(entry, clock.now()), Math.floor((clock.now() - kept.storedAt) / 1000));
      }
    }
    assert.ok(totalBytes(cache) <= maxBytes && totalBytes(cache) >= 0);
  }
  return forgotten;
}

test('a cache with enough space behaves like a map with expiry', () => {
  fc.assert(
    fc.property(steps, (script) => {
      assert.equal(check(10_000_000, script), 0, 'an entry was evicted though there was space');
    }),
    { seed: 1, numRuns: RUNS },
  );
});

test('a full cache evicts, and never returns a wrong or expired answer or exceeds its budget', (t) => {
  const bytesEach = entryBytes(deniedAnswer('name-00.example'));
  let forgotten = 0;
  fc.assert(
    fc.property(steps, fc.integer({ min: 0, max: 40 }), (script, places) => {
      forgotten += check(places * bytesEach, script);
    }),
    { seed: 2, numRuns: RUNS },
  );
  t.diagnostic(`${RUNS} scripts, ${forgotten} lookups of what was forgotten`);
  assert.ok(forgotten > 0);
});
