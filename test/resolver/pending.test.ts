import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { Deadline } from '../../src/lib/deadline.ts';
import type { Flight } from '../../src/resolver/flight.ts';
import { Pending } from '../../src/resolver/pending.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';

/** Somebody who waits for the flight to the end. */
function join(flight: Flight<string>): void {
  flight.wait(Deadline.after(new ManualClock(), 10)).catch(() => {});
}

test('a flight is found under its key until it ends, whether well or not', async () => {
  const pending = new Pending<string>(2);
  const works = [Promise.resolve('answer'), Promise.reject<string>(new RangeError('a failure'))];
  for (const [key, work] of Object.entries(works)) {
    const flight = pending.open(key);
    assert.equal(pending.get(key), flight);
    flight.attempt(work, 0);
  }
  assert.equal(pending.full, true);
  await setImmediate();
  assert.equal(pending.full, false);
  assert.deepEqual([pending.get('0'), pending.get('1')], [undefined, undefined]);
});

test('beyond the bound the oldest that nobody waits for is given up, and no other', () => {
  const pending = new Pending<string>(3);
  const [awaited, oldest, other] = ['awaited', 'oldest', 'other'].map((key) => pending.open(key));
  assert.ok(awaited !== undefined && oldest !== undefined && other !== undefined);
  join(awaited);
  pending.open('one more');
  assert.deepEqual(
    [awaited, oldest, other].map(({ signal }) => signal.aborted),
    [false, true, false],
  );
  // It is gone at once, not when its work has ended, and so is not given up in the place of the next.
  assert.equal(pending.get('oldest'), undefined);
  pending.open('and one more');
  assert.equal(other.signal.aborted, true);
});

test('the end of a flight that was given up does not end another under its key', async () => {
  const pending = new Pending<string>(1);
  const given = Promise.withResolvers<string>();
  pending.open('key').attempt(given.promise, 0);
  pending.open('other').giveUp();
  const again = pending.open('key');
  given.resolve('late');
  await setImmediate();
  assert.equal(pending.get('key'), again);
});
