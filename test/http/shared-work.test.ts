import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedWork } from '../../src/http/shared-work.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';

test('callers before a run share it, and later callers get another run', async () => {
  let runs = 0;
  const work = new SharedWork(new ManualClock(), () => ++runs);
  assert.deepEqual(await Promise.all([work.run(), work.run(), work.run()]), [1, 1, 1]);
  assert.equal(await work.run(), 2);
});

test('it rests three times as long as it worked, then runs once for all callers in between', async () => {
  const clock = new ManualClock();
  let runs = 0;
  const work = new SharedWork(clock, () => {
    clock.advance(10);
    return ++runs;
  });
  assert.equal(await work.run(), 1);
  const waiting = Promise.all([work.run(), work.run()]);
  await clock.advanceAsync(29);
  assert.equal(runs, 1);
  await clock.advanceAsync(1);
  assert.deepEqual(await waiting, [2, 2]);
});

test('a failure reaches all callers of that run, and no others', async () => {
  let isBroken = true;
  const work = new SharedWork(new ManualClock(), () => {
    if (isBroken) throw new Error('a defect');
    return 'mended';
  });
  const runs = await Promise.allSettled([work.run(), work.run()]);
  assert.deepEqual(
    runs.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  isBroken = false;
  assert.equal(await work.run(), 'mended');
});
