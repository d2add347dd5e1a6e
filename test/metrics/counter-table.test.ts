import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CounterTable } from '../../src/metrics/counter-table.ts';

test('each combination of three labels has its own counter', () => {
  const values = { a: ['0', '1'], b: ['0', '1', '2'], c: ['0', '1', '2', '3'] };
  const table = new CounterTable(values);
  // Each combination is counted as often as its own number, which reveals any two that share a counter.
  for (const a of [0, 1]) {
    for (const b of [0, 1, 2]) {
      for (const c of [0, 1, 2, 3])
        for (let times = 0; times < a * 100 + b * 10 + c; times += 1) table.increment(a, b, c);
    }
  }
  const entries = table.entries();
  assert.equal(entries.length, 24);
  for (const { labels, count } of entries) assert.equal(count, Number(`${labels['a']}${labels['b']}${labels['c']}`));
});

test('a table can have one label, or none', () => {
  const one = new CounterTable({ reason: ['x', 'y'] });
  one.increment(1);
  assert.deepEqual(one.entries(), [
    { labels: { reason: 'x' }, count: 0 },
    { labels: { reason: 'y' }, count: 1 },
  ]);
  const none = new CounterTable({});
  none.increment();
  none.increment();
  assert.deepEqual(none.entries(), [{ labels: {}, count: 2 }]);
});
