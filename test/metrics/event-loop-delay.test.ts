import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../src/lib/clock.ts';
import { EventLoopDelay } from '../../src/metrics/event-loop-delay.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';

const MINUTE_MS = 60_000;

/** A clock whose timers are late, as they are when the event loop is busy. */
function late(clock: ManualClock, lateMs: number): Clock {
  return {
    now: () => clock.now(),
    monotonicMicros: () => 0,
    bootMs: () => 0,
    epochMs: () => clock.epochMs(),
    schedule: (delayMs, callback) => clock.schedule(delayMs + lateMs, callback),
  };
}

test('nothing wakes the process before the first scrape, or later than five minutes after the last', () => {
  const clock = new ManualClock();
  using delay = new EventLoopDelay(clock);
  assert.equal(clock.pendingTimers, 0);
  delay.look();
  for (let minute = 0; minute < 10; minute++) {
    clock.advance(MINUTE_MS);
    delay.look();
  }
  assert.equal(clock.pendingTimers, 1);
  clock.advance(5 * MINUTE_MS);
  assert.equal(clock.pendingTimers, 0);
  const samples = delay.look().cumulative().at(-1) ?? 0;
  clock.advance(MINUTE_MS);
  assert.equal(delay.look().cumulative().at(-1), samples + 120);
});

test('a sample is the delay of a timer, and never negative', () => {
  const clock = new ManualClock();
  using busy = new EventLoopDelay(late(clock, 250));
  using idle = new EventLoopDelay(late(clock, -0.5));
  busy.look();
  idle.look();
  clock.advance(7500);
  const seconds = busy.look();
  assert.equal(seconds.cumulative().at(-1), 10);
  assert.ok(Math.abs(seconds.sum - 2.5) < 1e-9);
  assert.equal(idle.look().sum, 0);
  assert.equal(idle.look().cumulative()[0], 15);
});

test('disposing stops the sampling', () => {
  const clock = new ManualClock();
  const delay = new EventLoopDelay(clock);
  delay.look();
  delay[Symbol.dispose]();
  assert.equal(clock.pendingTimers, 0);
});
