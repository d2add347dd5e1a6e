import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { Deadline } from '../../src/lib/deadline.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';

/** Calls in the order in which they arrived. */
function noted(): { readonly calls: number[]; readonly note: (call: number) => () => void } {
  const calls: number[] = [];
  return { calls, note: (call) => () => void calls.push(call) };
}

test('the remaining time decreases to zero and not below', () => {
  const clock = new ManualClock();
  const deadline = Deadline.after(clock, 100);
  clock.advance(99);
  assert.deepEqual([deadline.remainingMs, deadline.expired], [1, false]);
  clock.advance(10);
  assert.deepEqual([deadline.remainingMs, deadline.expired], [0, true]);
});

test('work that ends in time gives its result and leaves no timer', async () => {
  const clock = new ManualClock();
  const deadline = Deadline.after(clock, 100);
  assert.equal(await deadline.limit(Promise.resolve(1)), 1);
  await assert.rejects(deadline.limit(Promise.reject(new RangeError('a failure of the work'))), RangeError);
  assert.equal(clock.pendingTimers, 0);
});

test('work that takes longer fails with ERR_DEADLINE at the deadline', async () => {
  const clock = new ManualClock();
  const limited = assert.rejects(Deadline.after(clock, 100).limit(new Promise(() => {})), { code: 'ERR_DEADLINE' });
  clock.advance(100);
  await limited;
});

test('an aborted signal ends all pending and later waits at once', async () => {
  const clock = new ManualClock();
  const ending = new AbortController();
  const deadline = new Deadline(clock, 100, ending.signal);
  const { calls, note } = noted();
  deadline.schedule(note(1));
  deadline.within(50).schedule(note(2));
  const limited = assert.rejects(deadline.limit(new Promise(() => {})), { code: 'ERR_GIVEN_UP' });
  ending.abort();
  await limited;
  assert.deepEqual(calls, [1, 2]);
  assert.equal(deadline.expired, true);
  assert.equal(clock.pendingTimers, 0);
  deadline.schedule(note(3));
  clock.advance(0);
  assert.deepEqual(calls, [1, 2, 3]);
});

test('a cancelled timer does not call back, and leaves nothing on the clock or the signal', () => {
  const clock = new ManualClock();
  const ending = new AbortController();
  const { calls, note } = noted();
  new Deadline(clock, 100, ending.signal).schedule(note(1)).cancel();
  assert.equal(clock.pendingTimers, 0);
  assert.equal(getEventListeners(ending.signal, 'abort').length, 0);
  ending.abort();
  clock.advance(100);
  assert.deepEqual(calls, []);
});

test('after the deadline, the signal does not call back again', () => {
  const clock = new ManualClock();
  const ending = new AbortController();
  const { calls, note } = noted();
  new Deadline(clock, 100, ending.signal).schedule(note(1));
  clock.advance(100);
  ending.abort();
  assert.deepEqual(calls, [1]);
});

test('a deadline within another is the earlier of the two', () => {
  const clock = new ManualClock();
  const deadline = Deadline.after(clock, 100);
  clock.advance(10);
  assert.equal(deadline.within(50).atMs, 60);
  assert.equal(deadline.within(500).atMs, 100);
});
