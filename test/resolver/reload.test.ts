import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cache } from '../../src/cache/cache.ts';
import { createCounters } from '../../src/metrics/counters.ts';
import { Policy } from '../../src/policy/policy.ts';
import { createPipeline } from '../../src/resolver/pipeline.ts';
import { RetryBudget } from '../../src/upstream/pool/retry-budget.ts';
import { FIXED_RANDOM } from '../cache/cache-rig.ts';
import { ask, decodeReply } from '../fixtures/dns/messages.ts';
import { handleWith } from '../fixtures/dns/replies.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { PLAIN, PLAIN_POLICY } from '../fixtures/policies.ts';
import { answerTo, LIMITS, UpstreamDouble } from './harness.ts';

/** A resolver whose policy and settings a test replaces, and whose upstream answers when the test says so. */
function createRig() {
  const clock = new ManualClock();
  const metrics = createCounters(['double.test:443'], 1);
  const cache = new Cache({ clock, random: FIXED_RANDOM, metrics }, { maxBytes: 1 << 20, maxStaleMs: 0 });
  const pending: (() => void)[] = [];
  const upstream = new UpstreamDouble(
    (query) => new Promise((resolve) => pending.push(() => resolve(answerTo(query)))),
  );
  const settings = { ...LIMITS };
  const state = { policy: PLAIN_POLICY };
  const handler = createPipeline(
    { cache, upstream, clock, metrics, policy: () => state.policy, budget: new RetryBudget() },
    settings,
  );
  return {
    cache,
    clock,
    settings,
    state,
    answerAll: () => {
      for (const answer of pending.splice(0)) answer();
    },
    query: (name: string) => handleWith(handler, { ...ask({ name }), arrivedAt: clock.now() }),
  };
}

test('an answer that was asked for before the policy was replaced reaches its client, but is not cached', async () => {
  const { cache, state, answerAll, query } = createRig();
  const before = query('www.example.com');
  state.policy = new Policy(PLAIN);
  answerAll();
  assert.equal(decodeReply(await before).answers?.length, 1);
  assert.deepEqual(cache.entries, { success: 0, denial: 0 });
  const after = query('www.example.com');
  answerAll();
  await after;
  assert.deepEqual(cache.entries, { success: 1, denial: 0 });
});

test('another time-out applies to the next query', async () => {
  const { clock, settings, query } = createRig();
  Object.assign(settings, { timeoutMs: 700 });
  const reply = query('www.example.com');
  clock.advance(700);
  assert.equal(decodeReply(await reply).rcode, 'SERVFAIL');
});
