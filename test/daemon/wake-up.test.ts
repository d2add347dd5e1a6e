import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WakeUpWatch } from '../../src/daemon/wake-up.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';

/** A clock whose wall time can be moved alone. */
class SleepingClock extends ManualClock {
  #sleptMs = 0;

  override epochMs(): number {
    return super.epochMs() + this.#sleptMs;
  }

  sleep(ms: number): void {
    this.#sleptMs += ms;
  }
}

test('a sleep is noticed within two seconds of the wake-up, once, with its length', () => {
  const clock = new SleepingClock();
  const slept: number[] = [];
  const watch = new WakeUpWatch(clock, (ms) => slept.push(ms));
  clock.advance(60_000);
  assert.deepEqual(slept, []);
  clock.sleep(3_600_000);
  clock.advance(2000);
  assert.deepEqual(slept, [3_600_000]);
  clock.advance(60_000);
  assert.deepEqual(slept, [3_600_000]);
  watch[Symbol.dispose]();
});

test('a wall clock that is set by a few seconds, or back, is no sleep', () => {
  const clock = new SleepingClock();
  const slept: number[] = [];
  const watch = new WakeUpWatch(clock, (ms) => slept.push(ms));
  for (const ms of [5000, -3_600_000, 9999]) {
    clock.sleep(ms);
    clock.advance(2000);
  }
  assert.deepEqual(slept, []);
  watch[Symbol.dispose]();
});

test('nothing is left behind when it is disposed of', () => {
  const clock = new SleepingClock();
  new WakeUpWatch(clock, () => {})[Symbol.dispose]();
  assert.equal(clock.pendingTimers, 0);
});
