import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RCODE } from '../../src/message/wire/tables.ts';
import { type Counters, createCounters } from '../../src/metrics/counters.ts';
import { add, readCounts, subtract } from '../../src/status/counts.ts';
import { answer } from './answers.ts';

function create(): Counters {
  return createCounters(['resolver.test:443'], 1);
}

test('each answer is counted once, by source', () => {
  const counters = create();
  answer(counters, { source: 'cache' });
  answer(counters, { source: 'cache' });
  answer(counters, { source: 'cache' });
  counters.servedStale('slow');
  answer(counters, { source: 'upstream' });
  answer(counters, { source: 'upstream', rcode: RCODE.NXDOMAIN });
  answer(counters, { source: 'upstream', rcode: RCODE.SERVFAIL });
  answer(counters, { source: 'cache', rcode: RCODE.SERVFAIL });
  answer(counters, { source: 'policy', rcode: RCODE.REFUSED });
  const { answers, latency } = readCounts(counters.totals);
  assert.deepEqual(answers, { cache: 2, upstream: 2, stale: 1, failed: 2, local: 1 });
  assert.equal(latency.at(-1), 8);
});

test('errors are counted by reason, separately for answers, exchanges and connections, without successes', () => {
  const counters = create();
  counters.failed('ERR_TOR_TIMEOUT');
  counters.exchanged(0, 0, 'ERR_TOR_TIMEOUT', 10);
  counters.exchanged(0, 0, 'ERR_DEADLINE', 10);
  counters.exchanged(0, 0, 'ok', 10);
  counters.connected(0, 'ERR_TLS_NAME');
  counters.connected(0, 'ok');
  assert.deepEqual(Object.fromEntries(readCounts(counters.totals).errors), {
    tor_timeout: { answers: 1, exchanges: 1, connections: 0 },
    deadline: { answers: 0, exchanges: 1, connections: 0 },
    tls_name: { answers: 0, exchanges: 0, connections: 1 },
  });
});

test('counts of a period are a difference, and counts of periods add up', () => {
  const counters = create();
  answer(counters, { source: 'cache', durationMs: 1 });
  counters.failed('ERR_TOR_TIMEOUT');
  const first = readCounts(counters.totals);
  answer(counters, { source: 'upstream', durationMs: 1000 });
  counters.failed('ERR_DEADLINE');
  const second = readCounts(counters.totals);
  const between = subtract(second, first);
  assert.deepEqual(between.answers, { cache: 0, upstream: 1, stale: 0, failed: 0, local: 0 });
  assert.deepEqual([...between.errors.keys()], ['deadline']);
  assert.equal(between.latency.at(-1), 1);
  assert.equal(between.latency[0], 0);
  const sum = add(first, between);
  assert.deepEqual(
    { ...sum, errors: Object.fromEntries(sum.errors) },
    { ...second, errors: Object.fromEntries(second.errors) },
  );
});
