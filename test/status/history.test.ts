import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Counters, createCounters } from '../../src/metrics/counters.ts';
import { readCounts } from '../../src/status/counts.ts';
import { History, sumOf } from '../../src/status/history.ts';
import { answer } from './answers.ts';

const MINUTE_MS = 60_000;
const START = Date.UTC(2026, 0, 2, 3, 4, 5);

interface Fixture {
  readonly history: History;
  readonly counters: Counters;
  /** Counts `count` answers and ends the minute. */
  readonly minute: (count: number, lastsMs?: number) => void;
  /** For each minute, its start in minutes since the first and its answers. */
  readonly shown: () => (readonly [number, number])[];
  readonly sum: () => number;
}

function create(): Fixture {
  const counters = createCounters(['resolver.test:443'], 1);
  let now = START;
  const counts = (): ReturnType<typeof readCounts> => readCounts(counters.totals);
  const history = new History(counts(), now);
  return {
    history,
    counters,
    minute(count, lastsMs = MINUTE_MS) {
      for (let i = 0; i < count; i++) answer(counters, { source: 'upstream' });
      now += lastsMs;
      history.nextMinute(counts(), now);
    },
    shown: () =>
      history
        .minutes(counts(), now)
        .map((minute) => [(minute.startedAtEpochMs - START) / MINUTE_MS, minute.counts.answers.upstream]),
    sum: () => sumOf(history.minutes(counts(), now)).answers.upstream,
  };
}

test('each minute has its own counts, the current one so far', () => {
  const { counters, minute, shown, sum } = create();
  minute(3);
  minute(0);
  answer(counters, { source: 'upstream' });
  assert.deepEqual(shown(), [
    [0, 3],
    [1, 0],
    [2, 1],
  ]);
  assert.equal(sum(), 4);
});

test('after an hour there are sixty minutes, and the oldest is dropped', () => {
  const { minute, shown, sum } = create();
  for (let i = 0; i < 100; i++) minute(i);
  assert.equal(shown().length, 60);
  assert.deepEqual(shown()[0], [41, 41]);
  assert.deepEqual(shown().at(-2), [99, 99]);
  assert.equal(
    sum(),
    Array.from({ length: 59 }, (_, i) => 41 + i).reduce((a, b) => a + b),
  );
});

test('minutes before a long sleep are not part of the last hour', () => {
  const { minute, shown } = create();
  minute(1);
  minute(2, 8 * 60 * MINUTE_MS);
  minute(3);
  assert.deepEqual(
    shown().map(([, answers]) => answers),
    [3, 0],
  );
});

test('minutes ascend even if the clock is set back', () => {
  const { minute, shown } = create();
  minute(1);
  minute(2);
  minute(3, -90_000);
  minute(4);
  assert.deepEqual(shown(), [
    [0, 1],
    [0.5, 4],
    [1.5, 0],
  ]);
});
