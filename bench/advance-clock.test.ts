import assert from 'node:assert/strict';
import { test } from 'node:test';
import { delay } from '../src/lib/clock.ts';
import { ManualClock } from '../test/fixtures/manual-clock.ts';
import { advanceClock } from './advance-clock.ts';

test('an hour passes at once, to the millisecond', async () => {
  const clock = new ManualClock();
  const work = async (): Promise<number> => {
    for (let minute = 0; minute < 60; minute++) await delay(clock, 60_000);
    return clock.now();
  };
  assert.equal(await advanceClock(clock, work()), 3_600_000);
});

test('the result of the work is returned, and its failure thrown', async () => {
  await assert.rejects(advanceClock(new ManualClock(), Promise.reject(new Error('broken'))), /broken/);
});
