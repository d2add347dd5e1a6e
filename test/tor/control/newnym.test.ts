import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode } from '../../../src/failures/failures.ts';
import { NewnymSchedule } from '../../../src/tor/control/newnym.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';

test('tor is to forget at the second failure that it remembers, without a connection in between', () => {
  const outcomes: readonly (readonly ('ok' | ErrorCode)[])[] = [
    ['ERR_TOR_HS_INTRO_FAILED', 'ERR_TOR_HS_INTRO_FAILED'],
    ['ERR_TOR_HS_INTRO_TIMEOUT', 'ERR_TOR_HS_INTRO_FAILED'],
    ['ERR_TOR_HS_DESC_NOT_FOUND', 'ERR_TOR_TIMEOUT', 'ERR_TOR_HS_DESC_NOT_FOUND'],
    ['ERR_TOR_HS_INTRO_FAILED', 'ok', 'ERR_TOR_HS_INTRO_FAILED', 'ERR_TOR_HS_INTRO_FAILED'],
  ];
  for (const row of outcomes) {
    const schedule = new NewnymSchedule(new ManualClock());
    const due = row.map((outcome) => schedule.isDue(outcome));
    assert.deepEqual(due, [...row.slice(1).map(() => false), true], row.join());
  }
});

test('failures that tor does not remember are no reason', () => {
  const schedule = new NewnymSchedule(new ManualClock());
  const others = ['ERR_TOR_TIMEOUT', 'ERR_TOR_UNREACHABLE', 'ERR_TOR_HS_REND_FAILED', 'ERR_TOR_HS_AUTH_WRONG'] as const;
  for (const code of [...others, ...others]) assert.equal(schedule.isDue(code), false);
});

/** When it was due, in seconds, while a dial fails every second. */
function dueSeconds(schedule: NewnymSchedule, clock: ManualClock, seconds: number): number[] {
  const due: number[] = [];
  for (let i = 0; i < seconds; i++) {
    if (schedule.isDue('ERR_TOR_HS_INTRO_FAILED')) due.push(clock.now() / 1000);
    clock.advance(1000);
  }
  return due;
}

test('in an outage the pauses grow from half a minute to ten', () => {
  const clock = new ManualClock();
  const due = dueSeconds(new NewnymSchedule(clock), clock, 3000);
  const pauses = due.slice(1).map((second, i) => second - (due[i] ?? 0));
  assert.deepEqual(pauses, [30, 60, 120, 240, 480, 600, 600, 600]);
});

test('after an outage that was over by itself as long as the last pause, the next begins with the shortest', () => {
  const clock = new ManualClock();
  const schedule = new NewnymSchedule(clock);
  assert.deepEqual(dueSeconds(schedule, clock, 40), [1, 31]);
  schedule.isDue('ok');
  clock.advance(111_000);
  assert.deepEqual(dueSeconds(schedule, clock, 40), [152, 182]);
});
