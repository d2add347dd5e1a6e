import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDay, toRows } from './day-report.ts';
import type { DayRun } from './day-run.ts';
import type { Source } from './household-resolver.ts';

function runOf(label: string, views: readonly (readonly [Source, number])[], upstreamQueries: number): DayRun {
  return {
    mode: { label, maxStaleMs: 0, prefetch: false },
    views: views.map(([source, durationMs]) => ({ source, durationMs })),
    upstreamQueries,
    hedges: 2,
    refreshes: 1,
    circuits: 7,
  };
}

const PLAIN = runOf(
  'plain',
  [
    ['cached', 0],
    ['upstream', 900],
    ['upstream', 2000],
    ['failed', 10_000],
  ],
  10,
);
const BETTER = runOf(
  'better',
  [
    ['cached', 0],
    ['refreshed', 0],
    ['stale', 1800],
    ['upstream', 5000],
  ],
  12,
);

test('each mode has a column and is compared with the first mode', () => {
  const lines = formatDay(toRows([PLAIN, BETTER])).split('\n');
  const figuresOf = (label: string): string[] | undefined =>
    lines
      .find((line) => line.startsWith(label))
      ?.slice(label.length)
      .trim()
      .split(/ {2,}/);
  assert.deepEqual(lines[0]?.trim().split(/ {2,}/), ['plain', 'better']);
  assert.deepEqual(figuresOf('queries'), ['4', '4']);
  assert.deepEqual(figuresOf('from the cache '), ['25.0 %', '25.0 %']);
  assert.deepEqual(figuresOf('from the cache, prefetched'), ['0.0 %', '25.0 %']);
  assert.deepEqual(figuresOf('from the cache, expired'), ['0.0 %', '25.0 %']);
  assert.deepEqual(figuresOf('answered within 1.8 s'), ['50.0 %', '75.0 %']);
  assert.deepEqual(figuresOf('answered within 5 s'), ['75.0 %', '100.0 %']);
  assert.deepEqual(figuresOf('queries to the resolver'), ['10', '12']);
  assert.deepEqual(figuresOf('… first tries'), ['7', '9']);
  assert.deepEqual(figuresOf('… per query of the first mode'), ['1.00', '1.20']);
});

test('a failed query counts as never answered, however soon its client learned of the failure', () => {
  const lines = formatDay(toRows([PLAIN])).split('\n');
  assert.match(lines.find((line) => line.startsWith('p99')) ?? '', /never$/);
});
